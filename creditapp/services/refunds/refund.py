"""A refund inside a transaction, and what it moves: its payment, its invoice's share, and what its gateway knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, func, insert, or_, select, update

from creditapp.columns import UtcDateTime
from creditapp.db import Base
from creditapp.errors import RefundNotFoundError
from creditapp.models import (
    Capture,
    CreditClass,
    CreditDraw,
    CreditEntry,
    CreditLot,
    Kind,
    Payment,
    PaymentAllocation,
    Refund,
    RefundStatus,
    Setting,
)
from creditapp.services.ledger.plans import DRAWDOWN
from creditapp.statements import Call, Outcome, Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

REFUNDS = Base.metadata.tables[Refund.__tablename__]
_PAYMENTS = Base.metadata.tables[Payment.__tablename__]
_ALLOCATIONS = Base.metadata.tables[PaymentAllocation.__tablename__]
_CAPTURES = Base.metadata.tables[Capture.__tablename__]


@dataclass(frozen=True, slots=True)
class Taken:
    """A refund, as it stands inside this transaction."""

    customer_id: int
    id: int
    payment_id: int
    invoice_id: int | None
    entry_seq: int | None
    amount_minor: int
    currency: str
    gateway: str
    gateway_ref: str
    status: str
    tries: int
    actor: str
    actor_id: int | None
    key_digest: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """The payment that money goes back of; its account is locked, and so is what its gateway has told."""

    amount_minor: int
    refunded_minor: int
    currency: str
    gateway: str
    """Empty where no gateway brought it: a person sends the money."""

    @property
    def left_minor(self) -> int:
        """How much of it has not gone back."""
        return self.amount_minor - self.refunded_minor


def find(session: Session, customer_id: int, refund_id: int) -> Taken:
    """Return the refund of this number, unlocked.

    Raises:
        RefundNotFoundError: the customer has none.
    """
    return read(run(session, FIND(customer_id=customer_id, refund_id=refund_id))[0], refund_id)


def read(found: Outcome, refund_id: int) -> Taken:
    """Return the refund that `FIND` or `LOCK` found."""
    if not found.rows:
        raise RefundNotFoundError("refund", refund_id)
    return Taken(*found.rows[0])


def read_source(captures: Outcome, payments: Outcome, payment_id: int) -> Source:
    """Return the payment that `PAYMENT` found, with the gateway of its capture."""
    if not payments.rows:
        raise RefundNotFoundError("payment", payment_id)
    gateway = captures.rows[0][0] if captures.rows else ""
    amount_minor, refunded_minor, currency = payments.rows[0]
    return Source(amount_minor, refunded_minor, currency, gateway)


def move(customer_id: int, payment_id: int, captures: Outcome, more_minor: int) -> list[Call]:
    """Return what lets this much more of the payment have gone back; below zero: less."""
    calls = [MOVE_PAYMENT(its_customer=customer_id, its_id=payment_id, more_minor=more_minor)]
    calls += [MOVE_CAPTURE(its_gateway=row[0], its_ref=row[1], more_minor=more_minor) for row in captures.rows]
    return calls


def own_lots_call(customer_id: int, payment_id: int, moment: Any) -> Call:  # noqa: ANN401  (a datetime)
    """Return what asks for the usable lots of class *paid* that this payment became, in drawdown order."""
    return OWN_LOTS(customer_id=customer_id, payment_id=payment_id, moment=moment)


def refundable_credit(lots: Outcome, source_left_minor: int) -> int:
    """Return how much of the payment is unspent credit that can go back: never more than came and has not gone back."""
    unspent_minor: int = sum(row[2] for row in lots.rows)
    return min(unspent_minor, source_left_minor)


def _columns() -> Sequence[Any]:
    c = REFUNDS.c
    return (
        *(c.customer_id, c.id, c.payment_id, c.invoice_id, c.entry_seq, c.amount_minor, c.currency, c.gateway),
        *(c.gateway_ref, c.status, c.tries, c.actor, c.actor_id, c.key_digest),
    )


def _select_own_lots() -> Any:  # noqa: ANN401  (a SELECT)
    """Its lots are those of the entries that it made, and of refunds to credit of invoices that it alone had paid."""
    e, lot, a = CreditEntry, CreditLot, PaymentAllocation
    its_invoices = (
        select(a.invoice_id)
        .where(a.customer_id == bindparam("customer_id"))
        .group_by(a.invoice_id)
        .having(func.min(a.payment_id) == bindparam("payment_id", type_=BigInteger()))
        .having(func.max(a.payment_id) == bindparam("payment_id", type_=BigInteger()))
    )
    return (
        select(lot.seq, lot.class_, lot.remaining_minor, lot.expires_at)
        .join(e, and_(e.customer_id == lot.customer_id, e.seq == lot.seq))
        .where(
            lot.customer_id == bindparam("customer_id"),
            lot.remaining_minor > 0,
            lot.class_ == str(CreditClass.PAID),
            or_(lot.expires_at.is_(None), lot.expires_at > bindparam("moment", type_=UtcDateTime())),
            or_(
                e.payment_id == bindparam("payment_id", type_=BigInteger()),
                and_(e.kind == str(Kind.INVOICE_REFUND), e.invoice_id.in_(its_invoices)),
            ),
        )
        .order_by(*DRAWDOWN)
    )


_OF_CUSTOMER = REFUNDS.c.customer_id == bindparam("customer_id")
FIND = Prepared(select(*_columns()).where(_OF_CUSTOMER, REFUNDS.c.id == bindparam("refund_id")))
LOCK = Prepared(select(*_columns()).where(_OF_CUSTOMER, REFUNDS.c.id == bindparam("refund_id")).with_for_update())
BY_KEY = Prepared(select(*_columns()).where(_OF_CUSTOMER, REFUNDS.c.key == bindparam("its_key")))
STILL_REQUESTED = Prepared(
    select(REFUNDS.c.id).where(
        _OF_CUSTOMER,
        REFUNDS.c.invoice_id == bindparam("invoice_id"),
        REFUNDS.c.status == str(RefundStatus.REQUESTED),
    )
)
"""The refunds of an invoice that are on their way."""
CAPTURES = Prepared(
    select(_CAPTURES.c.gateway, _CAPTURES.c.ref)
    .where(_CAPTURES.c.customer_id == bindparam("customer_id"), _CAPTURES.c.payment_id == bindparam("payment_id"))
    .with_for_update()
)
"""What the gateway knows of the payment, locked before the account as call-backs lock it."""
PAYMENT = Prepared(
    select(_PAYMENTS.c.amount_minor, _PAYMENTS.c.refunded_minor, _PAYMENTS.c.currency).where(
        _PAYMENTS.c.customer_id == bindparam("customer_id"), _PAYMENTS.c.id == bindparam("payment_id")
    )
)
SHARE = Prepared(
    select(_ALLOCATIONS.c.amount_minor, _ALLOCATIONS.c.refunded_minor).where(
        _ALLOCATIONS.c.customer_id == bindparam("customer_id"),
        _ALLOCATIONS.c.payment_id == bindparam("payment_id"),
        _ALLOCATIONS.c.invoice_id == bindparam("invoice_id"),
    )
)
OWN_LOTS = Prepared(_select_own_lots())
DRAWN_BY = Prepared(
    select(CreditDraw.lot_seq, CreditLot.class_, CreditDraw.amount_minor, CreditLot.expires_at)
    .join(CreditLot, and_(CreditLot.customer_id == CreditDraw.customer_id, CreditLot.seq == CreditDraw.lot_seq))
    .where(CreditDraw.customer_id == bindparam("customer_id"), CreditDraw.entry_seq == bindparam("entry_seq"))
    .order_by(CreditDraw.lot_seq)
)
"""What an entry took from which lots."""
IS_ALLOWED = Prepared(select(Setting.credit_refunds).where(Setting.id == 1).with_for_update(read=True))
"""The switch, locked against change: nothing is asked for after a switch-off has committed."""
INSERT = Prepared(insert(REFUNDS).values({c.name: bindparam(c.name, type_=c.type) for c in REFUNDS.c}))
UPDATE = Prepared(
    update(REFUNDS)
    .where(REFUNDS.c.customer_id == bindparam("its_customer"), REFUNDS.c.id == bindparam("its_id"))
    .values(
        {
            name: bindparam(name, type_=REFUNDS.c[name].type)
            for name in ("status", "gateway_ref", "failure", "tries", "next_try_at", "ended_at")
        }
    )
)
MOVE_PAYMENT = Prepared(
    update(_PAYMENTS)
    .where(_PAYMENTS.c.customer_id == bindparam("its_customer"), _PAYMENTS.c.id == bindparam("its_id"))
    .values(refunded_minor=_PAYMENTS.c.refunded_minor + bindparam("more_minor", type_=BigInteger()))
)
MOVE_SHARE = Prepared(
    update(_ALLOCATIONS)
    .where(
        _ALLOCATIONS.c.customer_id == bindparam("its_customer"),
        _ALLOCATIONS.c.payment_id == bindparam("its_payment"),
        _ALLOCATIONS.c.invoice_id == bindparam("its_invoice"),
    )
    .values(refunded_minor=_ALLOCATIONS.c.refunded_minor + bindparam("more_minor", type_=BigInteger()))
)
MOVE_CAPTURE = Prepared(
    update(_CAPTURES)
    .where(_CAPTURES.c.gateway == bindparam("its_gateway"), _CAPTURES.c.ref == bindparam("its_ref"))
    .values(
        taken_back_minor=_CAPTURES.c.taken_back_minor + bindparam("more_minor", type_=BigInteger()),
        version=_CAPTURES.c.version + 1,
    )
)
