"""What else goes with a customer who is merged: subscriptions, payments under way, promises, and the log-in."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, insert, select, update

from creditapp.bulk import among
from creditapp.db import Base, now
from creditapp.models import (
    Batch,
    FormDraft,
    GrantStatus,
    Incident,
    IncidentCustomer,
    IntentStatus,
    LogIn,
    LogInKind,
    LogInSession,
    OneTimeLink,
    PaymentIntent,
    PromoUse,
    RecoveryCode,
    Referral,
    Staff,
    Subscription,
    SubscriptionStatus,
)
from creditapp.services.bills import INVOICES

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Table
    from sqlalchemy.orm import Session

_SUBSCRIPTIONS = Base.metadata.tables[Subscription.__tablename__]
_INTENTS = Base.metadata.tables[PaymentIntent.__tablename__]
_NAMED = Base.metadata.tables[IncidentCustomer.__tablename__]
_USES = Base.metadata.tables[PromoUse.__tablename__]
_REFERRALS = Base.metadata.tables[Referral.__tablename__]
_OPEN = (str(IntentStatus.STARTED), str(IntentStatus.PENDING))


def move_subscriptions(session: Session, giver_id: int, taker_id: int, today: date) -> int:
    """Give each subscription to the survivor as it is, with its number, and end it here; return how many live ones.

    Those that have ended go, too: lines of invoices and of batches name them.
    """
    s = _SUBSCRIPTIONS.c
    its_own = (s.customer_id == giver_id, s.moved_to_id.is_(None))
    rows = session.execute(select(_SUBSCRIPTIONS).where(*its_own).order_by(s.id).with_for_update()).mappings().all()
    moment = now(session)
    twins = [{**row, "customer_id": taker_id, "updated_at": moment} for row in rows]
    if not twins:
        return 0
    session.execute(insert(_SUBSCRIPTIONS), twins)
    session.execute(
        update(_SUBSCRIPTIONS)
        .where(*its_own, s.cancelled_on.is_(None))
        .values(status=str(SubscriptionStatus.CANCELLED), cancelled_on=today, version=s.version + 1)
    )
    session.execute(update(_SUBSCRIPTIONS).where(*its_own).values(moved_to_id=taker_id, updated_at=moment))
    return sum(row["status"] != SubscriptionStatus.CANCELLED for row in rows)


def name_in_incidents(session: Session, giver_id: int, taker_id: int) -> None:
    """Let the incidents that hit the giver by name, and that nobody has been credited for, name the survivor, too.

    Incidents come before accounts in the order of locks: call it before those are locked.
    """
    i, named, batch = Incident, IncidentCustomer, Batch
    theirs = select(named.incident_id).where(named.customer_id == taker_id)
    issued = exists().where(batch.incident_id == i.id, batch.issued_at.is_not(None))
    statement = (
        select(i.id)
        .join(named, named.incident_id == i.id)
        .where(named.customer_id == giver_id, i.id.not_in(theirs), i.dismissed_at.is_(None), ~issued)
        .order_by(i.id)
    )
    rows = [{"incident_id": each, "customer_id": taker_id} for each in session.execute(statement).scalars()]
    if rows:
        session.execute(insert(_NAMED), rows)


def move_intents(session: Session, giver_id: int, taker_id: int, invoice_ids: Collection[int]) -> int:
    """Let the payments that are under way for these invoices go on for the survivor, and return how many they are.

    Their gateways know them by the old name, which leads here: `intents.resolve`.
    """
    i = _INTENTS.c
    its_own = (i.customer_id == giver_id, i.status.in_(_OPEN), among(session, i.invoice_id, invoice_ids))
    rows = session.execute(select(_INTENTS).where(*its_own).order_by(i.id).with_for_update()).mappings().all()
    if not rows:
        return 0
    twins = [{**row, "customer_id": taker_id, "key": f"moved:{giver_id}:{row['id']}"} for row in rows]
    session.execute(insert(_INTENTS), twins)
    ended = {"status": str(IntentStatus.FAILED), "failure": f"Goes on for user #{taker_id}.", "ended_at": now(session)}
    session.execute(update(_INTENTS).where(*its_own).values(**ended))
    for row in rows:
        _mark_paying(session, taker_id, row["invoice_id"], row["created_at"])
    return len(rows)


def move_promises(session: Session, giver_id: int, taker_id: int, invoice_ids: Collection[int]) -> None:
    """Let the codes that were used in these unpaid orders bring the survivor what they promised."""
    u = _USES.c
    waiting = (
        u.customer_id == giver_id,
        u.status == str(GrantStatus.PENDING),
        among(session, u.invoice_id, invoice_ids),
    )
    _again(session, _USES, waiting, {"customer_id": taker_id})
    session.execute(update(_USES).where(*waiting).values(status=str(GrantStatus.DROPPED)))
    r = _REFERRALS.c
    brought = (
        r.customer_id == giver_id,
        r.status == str(GrantStatus.PENDING),
        among(session, r.invoice_id, invoice_ids),
    )
    known = select(r.customer_id).where(r.customer_id == taker_id)
    if session.execute(known).first() is None:
        _again(session, _REFERRALS, (*brought, r.referrer_id != taker_id), {"customer_id": taker_id})
    session.execute(update(_REFERRALS).where(*brought).values(status=str(GrantStatus.DROPPED)))


def move_log_in(session: Session, giver_id: int, taker_id: int) -> str:
    """Let one log-in remain, and return what became of the giver's: `none`, `moved` or `ended`.

    The survivor's stays; where there is none, the giver's opens the survivor's account from now on. Links that were
    sent to the giver open nothing any more.
    """
    session.execute(delete(OneTimeLink).where(OneTimeLink.customer_id == giver_id))
    staff = Staff.__table__.c
    session.execute(update(Staff).where(staff.own_customer_id == giver_id).values(own_customer_id=taker_id))
    log_in_id, has_own = _log_in_of(session, giver_id), _log_in_of(session, taker_id) is not None
    if log_in_id is None:
        return "none"
    if not has_own:
        session.execute(delete(OneTimeLink).where(OneTimeLink.customer_id == taker_id))
        session.execute(update(LogIn).where(LogIn.id == log_in_id).values(customer_id=taker_id))
        return "moved"
    for table in (LogInSession, FormDraft, OneTimeLink, RecoveryCode):
        session.execute(delete(table).where(table.log_in_id == log_in_id))
    session.execute(delete(LogIn).where(LogIn.id == log_in_id))
    return "ended"


def _again(session: Session, table: Table, which: tuple[Any, ...], other: dict[str, Any]) -> None:
    rows = [{**row, **other} for row in session.execute(select(table).where(*which)).mappings()]
    if rows:
        session.execute(insert(table), rows)


def _mark_paying(session: Session, customer_id: int, invoice_id: int, since: Any) -> None:  # noqa: ANN401  (a moment)
    i = INVOICES.c
    its_own = (i.customer_id == customer_id, i.id == invoice_id)
    session.execute(update(INVOICES).where(*its_own).values(payment_started_at=since))


def _log_in_of(session: Session, customer_id: int) -> int | None:
    """Lock the customer's log-in, and return it."""
    own = (LogIn.kind == LogInKind.CUSTOMER, LogIn.customer_id == customer_id)
    return session.execute(select(LogIn.id).where(*own).with_for_update()).scalar()
