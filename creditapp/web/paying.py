"""Sending a customer to a gateway to pay an invoice, and what follows when they come back or give it up."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Response, make_response, redirect, request, url_for

from creditapp.db import db, transact
from creditapp.errors import InvoiceStateError
from creditapp.gateways import Asked, Gateway, GatewayError
from creditapp.money import currency
from creditapp.services import intents, numbers
from creditapp.services.actor import Actor
from creditapp.services.intents import Begun
from creditapp.web.addresses import own_base
from creditapp.web.gateways import gateways, hear, offered
from creditapp.web.notices import notify
from creditapp.web.pages import render_page

SORRY = "The payment page could not be opened. Nothing was charged; try again in a moment, or pay in another way."
log = structlog.get_logger(__name__)


def send_to_gateway(
    customer_id: int, invoice_id: int, gateway_name: str, *, by: Actor, key: str, return_url: str = ""
) -> Response:
    """Begin the payment of what is due on the invoice, and answer with the way to the page on which it is paid.

    `return_url` is a path of ours on which the customer ends; without it, whoever goes back lands where they came
    from. What the gateway refuses is said on the next page, and the invoice is free again.

    Raises:
        What `intents.begin` raises: nothing is due, or another payment is under way.
    """
    gateway = next((one for one in offered() if one.name == gateway_name and one.has_page), None)
    if gateway is None:
        raise InvoiceStateError(invoice_id, "cannot be paid in this way at the moment. Choose another.")
    number = transact(numbers.reserve, "intents")
    begun = transact(intents.begin, customer_id, number, invoice_id, gateway=gateway_name, by=by, key=key)
    back = _absolute(return_url or urlsplit(request.referrer or "").path or "/")
    page_url = begun.page_url
    if not page_url:
        try:
            started = gateway.start(_asked(begun, back))
        except GatewayError as error:
            log.warning("payment_not_started", gateway=gateway_name, why=str(error))
            transact(intents.fail, customer_id, begun.intent_id, "The gateway could not make a page.")
            notify("No payment was begun.", SORRY, kind="error")
            return _found(redirect(back, 303))
        transact(intents.attach, customer_id, begun.intent_id, started.session_ref, started.page_url)
        page_url = started.page_url
    return _leave(page_url, gateway)


def go_on(customer_id: int, invoice_id: int) -> Response | None:
    """Return the way back to the page of the payment that is under way; None where there is none."""
    begun = intents.open_of(db.session(), customer_id, invoice_id)
    if begun is None or not begun.page_url:
        return None
    return _leave(begun.page_url, gateways()[begun.gateway])


def give_up(customer_id: int, invoice_id: int, *, by: Actor) -> bool:
    """Close the page of the payment that is under way, and return whether the invoice is free again.

    Where it has been paid meanwhile, the money is booked instead.

    Raises:
        GatewayError: the gateway did not answer; nothing has changed.
    """
    begun = intents.open_of(db.session(), customer_id, invoice_id)
    if begun is None:
        return True
    db.session.rollback()
    gateway = gateways()[begun.gateway]
    if begun.session_ref and not gateway.give_up(begun.session_ref):
        hear(gateway, gateway.fetch(begun.session_ref), b"")
        return False
    transact(intents.give_up, customer_id, begun.intent_id, by=by)
    return True


def _asked(begun: Begun, back: str) -> Asked:
    return Asked(
        reference=begun.reference,
        amount_minor=begun.amount_minor,
        currency=begun.currency,
        exponent=currency(begun.currency).exponent,
        description=begun.description,
        return_url=back,
        cancel_url=back,
        callback_url=_absolute(url_for("webhooks.receive", gateway=begun.gateway)),
    )


def _absolute(path: str) -> str:
    """Return the whole address of a page of ours; of what is no path of ours, that of the first page."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    return f"{own_base() or ''}{path if is_ours else '/'}"


def _leave(page_url: str, gateway: Gateway) -> Response:
    """Go to the gateway's page. A form of ours may not end elsewhere (CSP), so a page of ours lies in between."""
    there = urlsplit(page_url)
    if (there.scheme, there.netloc) == (request.scheme, request.host):
        return _found(redirect(page_url, 303))
    return make_response(render_page("paying/leave.html", page_url=page_url, label=gateway.label))


def _found(response: object) -> Response:
    return make_response(response)
