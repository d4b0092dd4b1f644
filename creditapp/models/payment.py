"""Money that came in, and which invoices it paid."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
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


class Payment(Base):
    """One amount received: what its allocations do not take has become credit."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("customer_id", "key", name="uq_payments_customer_id_key"),
        CheckConstraint("amount_minor BETWEEN 1 AND 100000000000", name="amount_is_in_range"),
        CheckConstraint("credit_minor BETWEEN 0 AND amount_minor", name="credit_is_within_the_amount"),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="no_more_goes_back_than_came"),
        Index("ix_payments_id", "id"),
        Index("ix_payments_received_on", "received_on", "id"),
        Index(
            "ix_payments_transaction_ref",
            *("transaction_ref", "customer_id", "id"),
            postgresql_where=text("transaction_ref <> ''"),
            sqlite_where=text("transaction_ref <> ''"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    credit_minor: Mapped[int] = mapped_column(BigInteger)
    """How much of it became credit when it came in."""
    refunded_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """How much of it has gone back: refunds, and what a bank has taken back."""
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When somebody said that it never came; all of it has been taken back then."""
    void_reason: Mapped[str] = mapped_column(String(200), default="")
    currency: Mapped[str] = mapped_column(String(3))
    method: Mapped[str] = mapped_column(String(20))
    transaction_ref: Mapped[str] = mapped_column(String(120))
    """What the bank or the gateway calls it; empty if nothing."""
    received_on: Mapped[date]
    note: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(100))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PaymentAllocation(Base):
    """How much of a payment went to an invoice, and how much of that has gone back."""

    __tablename__ = "payment_allocations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_payment_allocations_payment",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_payment_allocations_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="no_more_goes_back_than_came"),
        Index("ix_payment_allocations_invoice_id", "customer_id", "invoice_id"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    payment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    invoice_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
