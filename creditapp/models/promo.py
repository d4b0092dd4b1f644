"""Promo codes and referrals: credit that an order brings."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class GrantStatus(StrEnum):
    """What became of the credit that an order was to bring."""

    PENDING = "pending"
    """It comes when the order is paid."""
    GRANTED = "granted"
    DROPPED = "dropped"
    """The order was cancelled before."""


class PromoCode(Base):
    """A code that grants promotional credit in an order: a fixed amount, or a part of the order's total."""

    __tablename__ = "promo_codes"
    __table_args__ = (
        CheckConstraint("amount_minor IS NULL OR amount_minor BETWEEN 1 AND 100000000000", name="amount_is_in_range"),
        CheckConstraint("percent_bp IS NULL OR percent_bp BETWEEN 1 AND 10000", name="percent_is_a_rate"),
        CheckConstraint("most_minor IS NULL OR most_minor BETWEEN 1 AND 100000000000", name="most_is_in_range"),
        CheckConstraint("uses >= 0", name="uses_are_counted"),
        CheckConstraint("uses_max IS NULL OR uses_max > 0", name="uses_max_is_positive"),
        CheckConstraint("days_to_expiry IS NULL OR days_to_expiry BETWEEN 1 AND 3660", name="expiry_is_in_range"),
        Index("uq_promo_codes_code_key", "code_key", unique=True),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    code_key: Mapped[str] = mapped_column(Text)
    """The code, folded: people do not type capitals."""
    description: Mapped[str] = mapped_column(String(200))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    """A fixed amount; None where it is a part of the order."""
    percent_bp: Mapped[int | None]
    """Which part of the order's total, in hundredths of a percent."""
    most_minor: Mapped[int | None] = mapped_column(BigInteger)
    """The most that a part comes to."""
    grants_when_paid: Mapped[bool]
    """The credit comes when the order is paid, not when it is placed."""
    once_per_customer: Mapped[bool]
    first_order_only: Mapped[bool]
    uses_max: Mapped[int | None]
    uses: Mapped[int]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    """The last day on which it is taken."""
    days_to_expiry: Mapped[int | None]
    """How long the credit can be used; None: for ever."""
    is_active: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PromoUse(Base):
    """A code that was used in an order: one for each order."""

    __tablename__ = "promo_uses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_promo_uses_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor BETWEEN 0 AND 100000000000", name="amount_is_in_range"),
        CheckConstraint("status IN ('pending', 'granted', 'dropped')", name="status_is_known"),
        CheckConstraint("(status = 'granted') = (entry_seq IS NOT NULL)", name="granted_names_its_entry"),
        Index("ix_promo_uses_promo_code_id", "promo_code_id", "customer_id"),
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    invoice_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    promo_code_id: Mapped[int] = mapped_column(ForeignKey("promo_codes.id", ondelete="RESTRICT"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    entry_seq: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Referral(Base):
    """A customer whom another one has brought: both get credit when the first order is paid."""

    __tablename__ = "referrals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_referrals_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("status IN ('pending', 'granted', 'dropped')", name="status_is_known"),
        CheckConstraint("customer_id <> referrer_id", name="nobody_brings_themselves"),
        CheckConstraint("referred_minor >= 0 AND referrer_minor >= 0", name="amounts_are_positive"),
        Index("ix_referrals_referrer_id", "referrer_id", "customer_id"),
        Index("ix_referrals_status", "status", "customer_id"),
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    """Who was brought."""
    referrer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    invoice_id: Mapped[int] = mapped_column(BigInteger)
    """The first order."""
    referred_minor: Mapped[int] = mapped_column(BigInteger)
    referrer_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    granted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
