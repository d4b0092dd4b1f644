"""The tab *Transactions*: money that came from a customer and went back, in one list with its running sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from creditapp.blueprints.payments.words import method_words
from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import db, snapshot
from creditapp.models import RefundStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries import transactions as queries
from creditapp.queries.merged import family_of
from creditapp.queries.transactions import Transaction
from creditapp.services.customers import BY_HAND
from creditapp.web import lists, urls
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.filters import plain, utc
from creditapp.web.lists import Column, Page, Sort
from creditapp.web.pages import render_page
from creditapp.web.throttle import EXPORTS, limiter

COLUMNS = (
    Column("When"),
    Column("What"),
    Column("For"),
    Column("In", numeric=True),
    Column("Out", numeric=True),
    Column("Net so far", numeric=True),
    Column("", css="acts-c"),
)
HEADINGS = (
    *("Number", "At (UTC)", "What", "User", "Payment", "Refund", "Method", "Reference", "In", "Out", "Net so far"),
    "Remark",
)
ROWS_AT_ONCE = 500


@bp.route("/admin/users/<id:customer_id>/transactions")
@requires(Permission.PAYMENT_READ)
def transactions(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    session, people = db.session(), family_of(db.session(), customer_id)
    totals = queries.totals(session, people)
    path = url_for("users.transactions", customer_id=customer_id)
    page = _page(people, path, totals.count)
    is_open = customer.status in BY_HAND
    shown = [(row.customer_id, row.payment_id) for row in page.rows if row.kind == Transaction.PAYMENT]
    return render_page(
        "users/transactions.html",
        crumbs=[
            ("Admin", None),
            ("Users", url_for("users.index")),
            (customer.name, url_for("users.show", customer_id=customer_id)),
            ("Transactions", None),
        ],
        customer=customer,
        totals=totals,
        page=page,
        columns=COLUMNS,
        paid=queries.invoices_of(session, shown),
        what=words_of,
        can_void=lambda row: row.customer_id == customer_id and is_open and _can_void(row),
        export_url=url_for("users.export_transactions", customer_id=customer_id)
        if can(Permission.PAYMENT_EXPORT)
        else None,
        new_url=lists.link(url_for("payments.create"), {"customer": customer_id})
        if can(Permission.PAYMENT_WRITE) and is_open
        else None,
    )


@bp.route("/admin/users/<id:customer_id>/transactions.csv")
@requires(Permission.PAYMENT_EXPORT)
@limiter.limit(EXPORTS)
def export_transactions(customer_id: int) -> ResponseReturnValue:
    profile_or_404(customer_id)
    record_export("transactions", customer_id, {})
    return csv_response(f"transactions-{customer_id}.csv", HEADINGS, _lines(customer_id))


def words_of(row: Any) -> str:  # noqa: ANN401  (a row)
    """Say what a line of the list is."""
    if row.kind == Transaction.PAYMENT:
        return f"Payment, {method_words(row.method)}"
    if row.kind == Transaction.VOID:
        return f"Void of payment #{row.payment_id}"
    if row.kind == Transaction.TAKEN_BACK:
        return f"Taken back of payment #{row.payment_id}"
    on_its_way = ", to be sent" if row.state == RefundStatus.REQUESTED else ""
    return f"Refund #{row.refund_id} of payment #{row.payment_id}{on_its_way}"


def _can_void(row: Any) -> bool:  # noqa: ANN401  (a row)
    """Return whether the payment could be voided by who asks, as far as the list can tell."""
    is_fit = row.kind == Transaction.PAYMENT and not row.is_void and not row.is_captured
    return is_fit and can(Permission.PAYMENT_VOID)


def _page(people: list[int], path: str, count: int) -> Page:
    table = queries.select_all(people)
    sort = Sort((table.c.number,), descending=True, read=urls.each(urls.whole))
    cursor = lists.read_cursor(request.args, sort)
    return lists.make_page(
        db.session.execute(lists.select_page(select(table), sort, cursor)).all(),
        cursor,
        key_of=lambda row: (row.number,),
        url=lambda **place: lists.link(path, place, "transactions"),
        noun="transactions",
        total=lists.counted(count),
    )


def _lines(customer_id: int) -> Iterator[tuple[Any, ...]]:
    with snapshot() as session:
        table = queries.select_all(family_of(session, customer_id))
        statement = select(table).order_by(table.c.number.desc())
        for row in session.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)):
            yield (
                row.number,
                utc(row.at),
                words_of(row),
                row.customer_id,
                row.payment_id,
                row.refund_id or None,
                method_words(row.method),
                row.reference,
                Number(plain(row.in_minor)),
                Number(plain(row.out_minor)),
                Number(plain(row.net_minor)),
                row.void_reason if row.kind == Transaction.VOID else "",
            )
