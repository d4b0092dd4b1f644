"""The list of payments, its file, and one payment with what it paid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.payments import bp
from creditapp.blueprints.payments.listing import COLUMNS, HEADINGS, METHOD_CHOICES, Asked, lines, read_page
from creditapp.blueprints.payments.voiding import obstacle
from creditapp.blueprints.payments.words import method_words, not_due_words
from creditapp.blueprints.refunds.words import state_tag
from creditapp.db import db, snapshot
from creditapp.models import InvoiceKind
from creditapp.permissions import Permission, can, requires
from creditapp.queries import payments as queries
from creditapp.queries import refunds
from creditapp.services.ledger import reference
from creditapp.web.exports import csv_response, record_export
from creditapp.web.lists import Column, link
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

PAID_COLUMNS = (Column("Invoice"), Column("Kind"), Column("Went back", numeric=True), Column("Amount", numeric=True))
REFUND_COLUMNS = (
    Column("When"),
    Column("Of"),
    Column("State"),
    Column("By", css="by"),
    Column("Amount", numeric=True),
)
ENTRY_COLUMNS = (Column("When"), Column("What"), Column("Amount", numeric=True), Column("Entry"))


@bp.route("/admin/billing/payments")
@requires(Permission.PAYMENT_READ)
def index() -> ResponseReturnValue:
    path = url_for("payments.index")
    asked = Asked.read(request.args)
    found = read_page(db.session(), asked, request.args, path)
    return render_page(
        "payments/index.html",
        crumbs=[("Admin", None), ("Billing", None), ("Payments", None)],
        asked=asked,
        page=found.page,
        invoices=found.invoices,
        not_due=found.not_due,
        not_due_words=not_due_words,
        columns=COLUMNS,
        chips=asked.chips(path),
        method_choices=METHOD_CHOICES,
        method_words=method_words,
        path=path,
        export_url=link(url_for("payments.export"), asked.args) if can(Permission.PAYMENT_EXPORT) else None,
        new_url=link(url_for("payments.create"), {"customer": asked.wanted.customer_id})
        if can(Permission.PAYMENT_WRITE)
        else None,
    )


@bp.route("/admin/billing/payments/export.csv")
@requires(Permission.PAYMENT_EXPORT)
@limiter.limit(EXPORTS)
def export() -> ResponseReturnValue:
    asked = Asked.read(request.args)
    record_export("payments", None, asked.args)
    return csv_response(f"payments-{current_panel().today()}.csv", HEADINGS, _from_snapshot(asked))


@bp.route("/admin/billing/payments/<id:payment_id>")
@requires(Permission.PAYMENT_READ)
def show(payment_id: int) -> ResponseReturnValue:
    session = db.session()
    payment = queries.find(session, payment_id)
    if payment is None:
        abort(404)
    others = queries.same_reference(session, payment.transaction_ref)
    return render_page(
        "payments/show.html",
        crumbs=[
            ("Admin", None),
            ("Billing", None),
            ("Payments", url_for("payments.index")),
            (f"#{payment_id}", None),
        ],
        payment=payment,
        method=method_words(payment.method),
        paid=queries.allocations(session, payment.customer_id, payment_id),
        paid_columns=PAID_COLUMNS,
        not_due=queries.not_due_of(session, [(payment.customer_id, payment_id)]).get((payment.customer_id, payment_id)),
        not_due_words=not_due_words,
        entries=queries.entries(session, payment.customer_id, payment_id),
        entry_columns=ENTRY_COLUMNS,
        same=[one for one in others if one.id != payment_id],
        refunds=refunds.of_payment(session, payment.customer_id, payment_id),
        refund_columns=REFUND_COLUMNS,
        refund_tag=state_tag,
        refund_url=_refund_url(payment),
        void_url=_void_url(payment),
        kind_of=lambda kind: InvoiceKind(kind).label,
        reference=reference,
    )


def _refund_url(payment: queries.PaymentFacts) -> str | None:
    """Return where its unspent credit is refunded, for who may do that, where there is any and the setting is on."""
    session = db.session()
    if not can(Permission.REFUND_WRITE) or not refunds.is_credit_refundable(session):
        return None
    if not refunds.credit_left(session, payment.customer_id, payment.id):
        return None
    return url_for("refunds.of_credit", payment_id=payment.id)


def _void_url(payment: queries.PaymentFacts) -> str | None:
    """Return where it is voided, for who may, where it can be."""
    if not can(Permission.PAYMENT_VOID) or obstacle(payment):
        return None
    return url_for("payments.void", payment_id=payment.id)


def _from_snapshot(asked: Asked) -> Iterator[Sequence[Any]]:
    """Yield rows of one moment of the database."""
    with snapshot() as session:
        yield from lines(session, asked)
