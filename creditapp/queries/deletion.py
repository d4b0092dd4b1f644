"""What a deletion is about, in numbers: which words go, and which rows stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from creditapp.models import (
    AuditRow,
    CreditEntry,
    CreditEntryText,
    Invoice,
    InvoiceStatus,
    LogIn,
    LogInSession,
    Mail,
    Payment,
    Subscription,
    SubscriptionStatus,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each kind there are of a customer and those who were merged into it."""

    texts: int
    mails: int
    log_ins: int
    sessions: int
    subscriptions: int
    entries: int
    payments: int
    issued: int
    acts: int
    """Of the audit log, about them or by them."""


def count(session: Session, people: Sequence[int]) -> Counts:
    """Return the numbers that the page which asks is about."""
    t, s, a = CreditEntryText, Subscription, AuditRow
    log_ins = select(LogIn.id).where(LogIn.customer_id.in_(people))
    acts = (
        (a.object_kind == "customer") & a.object_id.in_(people),
        (a.actor == "customer") & a.actor_id.in_(people),
    )
    return Counts(
        _many(session, t, t.customer_id.in_(people), t.erased_at.is_(None)),
        _many(session, Mail, Mail.customer_id.in_(people)),
        _many(session, LogIn, LogIn.customer_id.in_(people)),
        _many(session, LogInSession, LogInSession.log_in_id.in_(log_ins)),
        _many(session, s, s.customer_id.in_(people), s.status != SubscriptionStatus.CANCELLED),
        _many(session, CreditEntry, CreditEntry.customer_id.in_(people)),
        _many(session, Payment, Payment.customer_id.in_(people)),
        _many(session, Invoice, Invoice.customer_id.in_(people), Invoice.status != InvoiceStatus.DRAFT),
        _many(session, a, or_(*acts)),
    )


def _many(session: Session, model: Any, *which: ColumnElement[bool]) -> int:  # noqa: ANN401  (a model)
    return session.execute(select(func.count()).select_from(model).where(*which)).scalar_one()
