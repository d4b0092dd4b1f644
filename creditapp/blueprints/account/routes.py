"""The first page of the client area, and the credit history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import earlier_accounts, own_or_earlier_or_404, own_profile
from creditapp.blueprints.account.words import plain as words_of
from creditapp.blueprints.invoices.detail import is_overdue
from creditapp.db import db, snapshot
from creditapp.models import CreditEntry
from creditapp.permissions import customer_only
from creditapp.queries import account, customers, lots, upcoming
from creditapp.queries.customers import Profile
from creditapp.services import ledger
from creditapp.web import lists
from creditapp.web.clients import current_client
from creditapp.web.exports import Number, csv_response
from creditapp.web.filters import local_day, plain
from creditapp.web.lists import Column, Page, Sort
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

NEWEST = 5
COLUMNS = (
    Column("Day"),
    Column("What"),
    Column("Remark"),
    Column("Amount", numeric=True),
    Column("Balance", numeric=True),
)
OPEN_COLUMNS = (Column("Invoice"), Column("Due"), Column("To pay", numeric=True), Column(""))
HEADINGS = ("Day", "Reference", "What", "Remark", "Amount", "Balance")
_BY_SEQ = Sort((CreditEntry.__table__.c.seq,), descending=True, read=lambda values: [_whole(values[0])])


@bp.route("")
@customer_only
def home() -> ResponseReturnValue:
    customer, moment = own_profile(), datetime.now(UTC)
    spendable = lots.usable(db.session(), customer.id, moment)
    newest = account.select_entries(customer.id).order_by(CreditEntry.seq.desc()).limit(NEWEST).subquery()
    rows = db.session.execute(account.select_entry_rows(newest).order_by(newest.c.seq.desc())).all()
    return render_page(
        "account/home.html",
        customer=customer,
        usable=spendable,
        next_day=last_day(spendable.next_at) if spendable.next_at else None,
        upcoming=_next_invoice(customer, spendable),
        open=account.open_invoices(db.session(), customer.id),
        open_columns=OPEN_COLUMNS,
        is_overdue=is_overdue,
        rows=rows,
        columns=COLUMNS,
        words_of=words_of,
        reference=ledger.reference,
    )


@bp.route("/credit")
@customer_only
def credit() -> ResponseReturnValue:
    account_id, own_id = own_or_earlier_or_404(), current_client().id
    of = None if account_id == own_id else account_id
    return render_page(
        "account/credit.html",
        customer=own_profile(),
        account_id=account_id,
        of=of,
        earlier=earlier_accounts(),
        page=_page(account_id, of, request.args, url_for("account.credit")),
        export_url=url_for("account.export_credit", of=of),
        columns=COLUMNS,
        words_of=words_of,
        reference=ledger.reference,
    )


@bp.route("/credit.csv")
@customer_only
@limiter.limit(EXPORTS)
def export_credit() -> ResponseReturnValue:
    return csv_response("credit.csv", HEADINGS, _lines(own_or_earlier_or_404()))


def last_day(expires_at: datetime) -> str:
    """Return the last day on which credit that lapses at this moment can be used."""
    return local_day(expires_at - timedelta(microseconds=1))


def _next_invoice(customer: Profile, spendable: lots.Usable) -> upcoming.Upcoming | None:
    return upcoming.next_invoice(
        db.session(),
        customer.id,
        spendable.usable_minor,
        today=current_panel().today(),
        is_frozen=customer.frozen_at is not None,
        override=customer.automatic_credit,
    )


def _page(account_id: int, of: int | None, args: Mapping[str, str], path: str) -> Page:
    found = customers.find_profile(db.session(), account_id)
    cursor = lists.read_cursor(args, _BY_SEQ)
    inner = lists.select_page(account.select_entries(account_id), _BY_SEQ, cursor).subquery()
    forwards = cursor is not None and cursor.backwards
    order = inner.c.seq.asc() if forwards else inner.c.seq.desc()
    return lists.make_page(
        db.session.execute(account.select_entry_rows(inner).order_by(order)).all(),
        cursor,
        key_of=lambda row: (row.seq,),
        url=lambda **place: lists.link(path, {"of": of, **place}),
        noun="changes",
        total=lists.counted(found.entries if found else 0),
    )


def _lines(customer_id: int) -> Iterator[tuple[Any, ...]]:
    with snapshot() as session:
        wanted = account.select_entries(customer_id).subquery()
        statement = account.select_entry_rows(wanted).order_by(wanted.c.seq.desc())
        for row in session.execute(statement.execution_options(yield_per=1000)):
            amounts = Number(plain(row.amount_minor)), Number(plain(row.balance_after_minor))
            reference = ledger.reference(customer_id, row.seq)
            yield (row.day.isoformat(), reference, words_of(row), row.customer_note, *amounts)


def _whole(value: Any) -> int:  # noqa: ANN401  (what JSON held)
    if type(value) is not int or not 0 <= value <= 2**53:
        raise ValueError("no whole number")
    return value
