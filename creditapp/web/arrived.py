"""Using credit the moment it has arrived, and saying so on the next page."""

from __future__ import annotations

from flask import url_for

from creditapp.db import db, transact, transact_soon
from creditapp.errors import DomainError
from creditapp.services import arrivals, referrals
from creditapp.services.arrivals import Used
from creditapp.web.filters import money
from creditapp.web.notices import notify

SAID_MAX = 3
"""A notice travels in a cookie: it names so many invoices."""


def use_at_once(customer_id: int) -> None:
    """Use credit that has just arrived on what its customer owes, where the settings say so, and announce it.

    What cannot be used now (somebody else is writing) is used by the next tick.
    """
    if not arrivals.is_wanted(db.session(), customer_id):
        return
    try:
        used = transact(arrivals.use, customer_id)
    except DomainError:
        return
    if used:
        total_minor = sum(one.amount_minor for one in used)
        lead = f"{money(total_minor)} of credit used at once."
        more = f" and {len(used) - SAID_MAX} more" if len(used) > SAID_MAX else ""
        said = ", ".join(map(_said, used[:SAID_MAX]))
        words = f"{said}{more}. The balance is {money(used[-1].balance_after_minor)} now."
        links = [(f"Invoice #{one.invoice_id}", _url(one)) for one in used[:SAID_MAX]]
        notify(lead, words, links=links)


def bring_referral(customer_id: int) -> None:
    """Give both sides of a referral their credit, if the customer's first order has just been paid.

    What cannot be given now (somebody else is writing) comes with the next tick.
    """
    if not referrals.is_waiting(db.session(), customer_id):
        return
    try:
        granted = transact_soon(referrals.grant, customer_id)
    except DomainError:
        return
    if granted:
        notify("Referral credited.", "The first order is paid: both sides have their credit.")


def _said(one: Used) -> str:
    return f"{money(one.amount_minor)} on invoice #{one.invoice_id}{', which is paid' if one.is_paid else ''}"


def _url(one: Used) -> str:
    return url_for("invoices.show", invoice_id=one.invoice_id)
