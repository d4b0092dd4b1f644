"""The statement of one month, as a page and as a PDF."""

from __future__ import annotations

import re
from datetime import date

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import earlier_accounts, own_or_earlier_or_404, own_profile
from creditapp.blueprints.account.words import plain as words_of
from creditapp.db import db
from creditapp.permissions import customer_only
from creditapp.queries import account_statement
from creditapp.queries.account_statement import Statement
from creditapp.services import ledger
from creditapp.web import lists, pdf
from creditapp.web.clients import current_client
from creditapp.web.lists import Column
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.pdf import PDFS
from creditapp.web.throttle import limiter

COLUMNS = (
    Column("Day"),
    Column("What"),
    Column("Remark"),
    Column("Amount", numeric=True),
    Column("Balance", numeric=True),
)
_MONTH = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])", re.ASCII)


@bp.route("/statement")
@customer_only
def statement() -> ResponseReturnValue:
    account_id = own_or_earlier_or_404()
    months = account_statement.months(db.session(), account_id, current_panel().today())
    chosen = _asked_month(months)
    place = months.index(chosen)
    return render_page(
        "account/statement.html",
        customer=own_profile(),
        statement=_read(account_id, chosen),
        account_id=account_id,
        of=_of(account_id),
        earlier=earlier_accounts(),
        columns=COLUMNS,
        words_of=words_of,
        reference=ledger.reference,
        months=[(f"{one:%Y-%m}", f"{one:%B %Y}") for one in months],
        chosen=f"{chosen:%Y-%m}",
        newer_url=_url(account_id, months[place - 1]) if place else None,
        older_url=_url(account_id, months[place + 1]) if place + 1 < len(months) else None,
        pdf_url=_url(account_id, chosen, "account.statement_pdf") if pdf.is_available() else None,
    )


@bp.route("/statement.pdf")
@customer_only
@limiter.limit(PDFS)
def statement_pdf() -> ResponseReturnValue:
    if not pdf.is_available():
        abort(404)
    account_id = own_or_earlier_or_404()
    months = account_statement.months(db.session(), account_id, current_panel().today())
    chosen = _asked_month(months)
    return pdf.pdf_response(
        "account/paper/statement.html",
        f"statement-{chosen:%Y-%m}.pdf",
        customer=own_profile(),
        statement=_read(account_id, chosen),
        account_id=account_id,
        words_of=words_of,
        reference=ledger.reference,
    )


def _read(account_id: int, month: date) -> Statement:
    return account_statement.read(db.session(), account_id, month)


def _of(account_id: int) -> int | None:
    """Return how a URL names the account: not at all where it is the customer's own."""
    return None if account_id == current_client().id else account_id


def _asked_month(months: list[date]) -> date:
    """Return the month of the URL; this month where it names none. What there is no statement of is not there."""
    typed = request.args.get("month", "")
    if not typed:
        return months[0]
    found = _MONTH.fullmatch(typed)
    asked = date(int(found["year"]), int(found["month"]), 1) if found else None
    if asked not in months:
        abort(404)
    return asked


def _url(account_id: int, month: date, endpoint: str = "account.statement") -> str:
    return lists.link(url_for(endpoint), {"of": _of(account_id), "month": f"{month:%Y-%m}"})
