"""Gateways: what we have asked them for, what they have told us, and what each payment of theirs has come to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class IntentStatus(StrEnum):
    """Where a payment that was begun stands."""

    STARTED = "started"
    """The customer was sent to the gateway."""
    PENDING = "pending"
    """They have paid there, and the money is not certain yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It was declined, given up, or its time ran out."""


class EventStatus(StrEnum):
    """What became of something a gateway told us."""

    DONE = "done"
    """It had its effect, or none was left to have."""
    IGNORED = "ignored"
    """It is about nothing of ours."""
    SUSPENSE = "suspense"
    """Money that fits nothing we asked for: a person decides."""
    ASSIGNED = "assigned"
    """A person gave it to a customer."""
    DISMISSED = "dismissed"
    """A person said that nothing is to be done."""


class PaymentIntent(Base):
    """A payment that a customer began at a gateway: what we asked for, against which its answers are held."""

    __tablename__ = "payment_intents"
    __table_args__ = (
        UniqueConstraint("customer_id", "key", name="uq_payment_intents_customer_id_key"),
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_payment_intents_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor BETWEEN 1 AND 100000000000", name="amount_is_in_range"),
        CheckConstraint("status IN ('started', 'pending', 'succeeded', 'failed')", name="status_is_known"),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        Index("ix_payment_intents_id", "id"),
        Index("ix_payment_intents_invoice_id", "customer_id", "invoice_id"),
        Index(
            "ix_payment_intents_open",
            *("created_at", "customer_id", "id"),
            postgresql_where=text("status IN ('started', 'pending')"),
            sqlite_where=text("status IN ('started', 'pending')"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    gateway: Mapped[str] = mapped_column(String(16))
    invoice_id: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(10))
    session_ref: Mapped[str] = mapped_column(String(120))
    """What the gateway calls its page for this payment; empty until it has made one."""
    page_url: Mapped[str] = mapped_column(Text)
    """Where the customer pays; empty until the gateway has made a page."""
    failure: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(100))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Capture(Base):
    """One payment as its gateway calls it: the highest of what it has said so far, in whatever order that came.

    What our books say of it (`payment_id`, `taken_back_minor`) is moved towards what the gateway says, never beyond.
    """

    __tablename__ = "captures"
    __table_args__ = (
        CheckConstraint("captured_minor BETWEEN 0 AND 100000000000", name="captured_is_in_range"),
        CheckConstraint("refunded_minor >= 0 AND disputed_minor >= 0", name="what_goes_back_is_positive"),
        CheckConstraint("taken_back_minor BETWEEN 0 AND captured_minor", name="no_more_is_taken_back_than_came"),
        Index("ix_captures_payment", "customer_id", "payment_id"),
    )

    gateway: Mapped[str] = mapped_column(String(16), primary_key=True)
    ref: Mapped[str] = mapped_column(String(120), primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(Id)
    intent_id: Mapped[int | None] = mapped_column(BigInteger)
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    """The payment in our books; None as long as there is none."""
    currency: Mapped[str] = mapped_column(String(3))
    captured_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    """How much the gateway has sent back in all."""
    disputed_minor: Mapped[int] = mapped_column(BigInteger)
    """How much the customer's bank has taken back."""
    is_dispute_closed: Mapped[bool]
    """The dispute has ended, and `disputed_minor` says how."""
    taken_back_minor: Mapped[int] = mapped_column(BigInteger)
    """How much of what went back our books have followed."""
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GatewayEvent(Base):
    """One thing a gateway told us; it has its effect once, however often it is told. Holds no personal words."""

    __tablename__ = "gateway_events"
    __table_args__ = (
        UniqueConstraint("gateway", "event_id", name="uq_gateway_events_gateway_event_id"),
        CheckConstraint("status IN ('done', 'ignored', 'suspense', 'assigned', 'dismissed')", name="status_is_known"),
        CheckConstraint("deliveries > 0", name="was_delivered"),
        Index("ix_gateway_events_status", "status", "id"),
        Index("ix_gateway_events_capture", "gateway", "capture_ref"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    gateway: Mapped[str] = mapped_column(String(16))
    event_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(24))
    capture_ref: Mapped[str] = mapped_column(String(120))
    """The payment it is about, as the gateway calls it; empty if none."""
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    intent_id: Mapped[int | None] = mapped_column(BigInteger)
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    body_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[str] = mapped_column(String(10))
    problem: Mapped[str] = mapped_column(String(300))
    """Why it fits nothing, in a sentence."""
    deliveries: Mapped[int]
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id", ondelete="RESTRICT"))
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500))
