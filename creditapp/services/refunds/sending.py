"""Which refunds a gateway has still to be asked for, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from creditapp.db import now
from creditapp.models import Capture, RefundStatus
from creditapp.services.bills import write
from creditapp.services.refunds import refund as refunds
from creditapp.services.refunds.ending import FAILURE_CHARS_MAX
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

AT_ONCE = 100
WAIT_MIN, WAIT_MAX = timedelta(minutes=1), timedelta(hours=6)
DOUBLINGS_MAX = 10


@dataclass(frozen=True, slots=True)
class Due:
    """A refund for which its gateway is to be asked."""

    customer_id: int
    refund_id: int
    gateway: str
    capture_ref: str
    amount_minor: int
    currency: str

    @property
    def key(self) -> str:
        """Under which the gateway is asked, always the same: it sends the money once."""
        return f"refund-{self.customer_id}-{self.refund_id}"


def due(session: Session, moment: datetime) -> list[Due]:
    """Return the refunds to be asked for at this moment, those that have waited longest first, `AT_ONCE` of them."""
    c = refunds.REFUNDS.c
    waiting = (c.status == RefundStatus.REQUESTED, c.next_try_at <= moment)
    statement = _select().where(*waiting).order_by(c.next_try_at, c.customer_id, c.id).limit(AT_ONCE)
    return [Due(*row) for row in session.execute(statement)]


def find_due(session: Session, customer_id: int, refund_id: int) -> Due | None:
    """Return this refund if its gateway is still to be asked for it."""
    c = refunds.REFUNDS.c
    its_own = (c.customer_id == customer_id, c.id == refund_id, c.status == RefundStatus.REQUESTED)
    row = session.execute(_select().where(*its_own)).first()
    return Due(*row) if row else None


def put_off(session: Session, customer_id: int, refund_id: int, failure: str, *, refund_ref: str = "") -> None:
    """Ask again later, each time after twice as long: the gateway did not answer, or has not sent it yet."""
    taken = refunds.read(run(session, refunds.LOCK(customer_id=customer_id, refund_id=refund_id))[0], refund_id)
    if taken.status != RefundStatus.REQUESTED:
        return
    wait = min(WAIT_MAX, WAIT_MIN * 2 ** min(taken.tries, DOUBLINGS_MAX))
    later = refunds.UPDATE(
        its_customer=customer_id,
        its_id=refund_id,
        status=taken.status,
        gateway_ref=refund_ref or taken.gateway_ref,
        failure=failure[:FAILURE_CHARS_MAX],
        tries=taken.tries + 1,
        next_try_at=now(session) + wait,
        ended_at=None,
    )
    write(session, [later])


def _select() -> Select[*tuple[Any, ...]]:
    c, capture = refunds.REFUNDS.c, Capture
    return select(c.customer_id, c.id, c.gateway, capture.ref, c.amount_minor, c.currency).join(
        capture,
        (capture.gateway == c.gateway) & (capture.customer_id == c.customer_id) & (capture.payment_id == c.payment_id),
    )


def find_told(session: Session, gateway: str, capture_ref: str, refund_ref: str) -> tuple[int, int] | None:
    """Return the customer and the number of the refund that the gateway tells about; None if it is none of ours."""
    c, capture = refunds.REFUNDS.c, Capture
    statement = (
        select(c.customer_id, c.id)
        .join(capture, (capture.customer_id == c.customer_id) & (capture.payment_id == c.payment_id))
        .where(capture.gateway == gateway, capture.ref == capture_ref, c.gateway == gateway)
        .where(c.gateway_ref == refund_ref)
    )
    row = session.execute(statement).first()
    return (row[0], row[1]) if row else None
