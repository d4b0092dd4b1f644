"""A customer's transactions: money that came in and money that went, in one list with its running sum.

Every statement stays inside one customer and those who were merged into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, Select, Subquery, and_, cast, func, literal, select, union_all
from sqlalchemy import String as Words

from creditapp.models import Capture, Payment, PaymentAllocation, Refund, RefundStatus

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


class Transaction(StrEnum):
    """What a line of the list is."""

    PAYMENT = "payment"
    REFUND = "refund"
    TAKEN_BACK = "taken_back"
    """A bank or a gateway took money back, of which our books have followed so much."""
    VOID = "void"
    """Somebody said that a payment never came."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What all of it comes to; minor units."""

    count: int
    in_minor: int
    out_minor: int

    @property
    def net_minor(self) -> int:
        return self.in_minor - self.out_minor


def select_all(customer_ids: Sequence[int]) -> Subquery:
    """Return every transaction of these customers, numbered from the first one.

    Columns: number, kind, at, customer_id, payment_id, refund_id, in_minor, out_minor, net_minor (the running sum),
    method, reference, state (of a refund), is_void (of a payment), is_captured (a gateway brought it), void_reason.
    """
    each = union_all(
        _payments(customer_ids), _voids(customer_ids), _refunds(customer_ids), _taken_back(customer_ids)
    ).subquery("each")
    c = each.c
    order = (c.at, c.rank, c.customer_id, c.payment_id, c.refund_id)
    net = func.sum(c.in_minor - c.out_minor).over(order_by=order, rows=(None, 0))
    number = func.row_number().over(order_by=order)
    columns = [column for column in c if column.key != "rank"]
    return select(number.label("number"), *columns, cast(net, BigInteger).label("net_minor")).subquery("transactions")


def totals(session: Session, customer_ids: Sequence[int]) -> Totals:
    """Return how many transactions there are, and what came in and went in all."""
    t = select_all(customer_ids).c
    sums = [cast(func.coalesce(func.sum(column), 0), BigInteger) for column in (t.in_minor, t.out_minor)]
    row = session.execute(select(func.count().label("lines"), sums[0].label("came"), sums[1].label("went"))).one()
    return Totals(row.lines, row.came, row.went)


def invoices_of(session: Session, payments: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """Return which invoices these payments, each of a customer, gave something to."""
    a = PaymentAllocation
    if not payments:
        return {}
    named = and_(a.customer_id.in_({one[0] for one in payments}), a.payment_id.in_({one[1] for one in payments}))
    paid: dict[tuple[int, int], list[int]] = {}
    rows = session.execute(select(a.customer_id, a.payment_id, a.invoice_id).where(named).order_by(a.invoice_id))
    for customer_id, payment_id, invoice_id in rows:
        paid.setdefault((customer_id, payment_id), []).append(invoice_id)
    return paid


def _payments(customer_ids: Sequence[int]) -> Select[Any]:
    p = Payment
    brought = select(Capture.ref).where(Capture.customer_id == p.customer_id, Capture.payment_id == p.id).exists()
    return _line(
        Transaction.PAYMENT,
        at=p.created_at,
        payment_id=p.id,
        in_minor=p.amount_minor,
        reference=p.transaction_ref,
        is_captured=brought,
    ).where(p.customer_id.in_(customer_ids))


def _voids(customer_ids: Sequence[int]) -> Select[Any]:
    p = Payment
    voided = (p.customer_id.in_(customer_ids), p.voided_at.is_not(None))
    return _line(Transaction.VOID, at=p.voided_at, payment_id=p.id, out_minor=p.amount_minor).where(*voided)


def _refunds(customer_ids: Sequence[int]) -> Select[Any]:
    p, r = Payment, Refund
    return (
        _line(
            Transaction.REFUND,
            at=r.created_at,
            payment_id=p.id,
            refund_id=r.id,
            out_minor=r.amount_minor,
            reference=r.gateway_ref,
            state=r.status,
        )
        .join(r, (r.customer_id == p.customer_id) & (r.payment_id == p.id))
        .where(p.customer_id.in_(customer_ids), r.status != RefundStatus.FAILED)
    )


def _taken_back(customer_ids: Sequence[int]) -> Select[Any]:
    """What was taken back of a payment beyond the refunds that we asked for ourselves."""
    p, c, r = Payment, Capture, Refund
    ours = (
        select(cast(func.coalesce(func.sum(r.amount_minor), 0), BigInteger))
        .where(r.customer_id == p.customer_id, r.payment_id == p.id, r.status != RefundStatus.FAILED)
        .correlate(p)
        .scalar_subquery()
    )
    return (
        _line(
            Transaction.TAKEN_BACK,
            at=c.updated_at,
            payment_id=p.id,
            out_minor=p.refunded_minor - ours,
            reference=c.ref,
        )
        .join(c, (c.customer_id == p.customer_id) & (c.payment_id == p.id))
        .where(p.customer_id.in_(customer_ids), p.voided_at.is_(None), p.refunded_minor > ours)
    )


def _line(kind: Transaction, **given: ColumnElement[Any] | Any) -> Select[Any]:  # noqa: ANN401  (columns)
    """Select one line for each row, with what its kind does not tell left empty."""
    nothing = literal(0, BigInteger)
    columns = {
        "at": None,
        "payment_id": None,
        "refund_id": nothing,
        "in_minor": nothing,
        "out_minor": nothing,
        "reference": literal("", Words),
        "state": literal("", Words),
        "is_captured": literal(0) == literal(1),
    } | given
    rank = list(Transaction).index(kind)
    p = Payment
    return select(
        literal(str(kind), Words).label("kind"),
        literal(rank, Integer).label("rank"),
        p.customer_id.label("customer_id"),
        p.method.label("method"),
        p.received_on.label("received_on"),
        p.void_reason.label("void_reason"),
        p.voided_at.is_not(None).label("is_void"),
        *[column.label(name) for name, column in columns.items() if column is not None],
    )
