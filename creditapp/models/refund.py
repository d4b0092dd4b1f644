"""Refunds: money that goes back to where it came from."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class RefundStatus(StrEnum):
    """Where a refund stands."""

    REQUESTED = "requested"
    """It is in our books; the gateway is being asked, or a person sends the money."""
    DONE = "done"
    FAILED = "failed"
    """The gateway refused, and our books have been put right."""


class Refund(Base):
    """An amount of one payment that goes back through the method it came by."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("customer_id", "key", name="uq_refunds_customer_id_key"),
        ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_refunds_payment",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_refunds_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor BETWEEN 1 AND 100000000000", name="amount_is_in_range"),
        CheckConstraint("status IN ('requested', 'done', 'failed')", name="status_is_known"),
        CheckConstraint("(invoice_id IS NULL) <> (entry_seq IS NULL)", name="is_of_an_invoice_or_of_credit"),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        Index("ix_refunds_id", "id"),
        Index("ix_refunds_payment", "customer_id", "payment_id"),
        Index(
            "ix_refunds_requested",
            *("next_try_at", "customer_id", "id"),
            postgresql_where=text("status = 'requested'"),
            sqlite_where=text("status = 'requested'"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    payment_id: Mapped[int] = mapped_column(BigInteger)
    invoice_id: Mapped[int | None] = mapped_column(BigInteger)
    """The invoice whose payment goes back; None for unspent credit."""
    entry_seq: Mapped[int | None] = mapped_column(BigInteger)
    """The entry that took the credit off; None for an invoice."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    gateway: Mapped[str] = mapped_column(String(16))
    """Empty where a person sends the money."""
    gateway_ref: Mapped[str] = mapped_column(String(120))
    """What the gateway calls the refund; empty until it has made one."""
    status: Mapped[str] = mapped_column(String(10))
    failure: Mapped[str] = mapped_column(String(200))
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(100))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
