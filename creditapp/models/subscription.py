"""The recurring services customers have."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class SubscriptionStatus(StrEnum):
    """Where a subscription is in its life; only an active one renews."""

    PENDING = "pending"
    """Ordered, and not paid for yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class Subscription(Base):
    """One customer's product, renewed period after period."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'active', 'suspended', 'cancelled')", name="status_is_known"),
        CheckConstraint("cycle IN ('monthly', 'quarterly', 'yearly')", name="cycle_renews"),
        CheckConstraint("price_minor BETWEEN 0 AND 100000000000", name="price_is_in_range"),
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_is_a_day_of_a_month"),
        CheckConstraint("(status = 'cancelled') = (cancelled_on IS NOT NULL)", name="cancelled_says_when"),
        Index("ix_subscriptions_id", "id"),
        Index("ix_subscriptions_product_id", "product_id", "customer_id", "id"),
        Index(
            "ix_subscriptions_location",
            *("location", "customer_id", "id"),
            postgresql_where=text("location <> ''"),
            sqlite_where=text("location <> ''"),
        ),
        Index(
            "ix_subscriptions_due",
            *("next_due_on", "customer_id", "id"),
            postgresql_where=text("status = 'active'"),
            sqlite_where=text("status = 'active'"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="RESTRICT"))
    label: Mapped[str] = mapped_column(String(200))
    """Which one it is: a domain, a host name; what stands on the invoice beside the product."""
    location: Mapped[str] = mapped_column(String(80))
    """The server or place that it depends on; empty if none."""
    price_minor: Mapped[int] = mapped_column(BigInteger)
    cycle: Mapped[str] = mapped_column(String(10))
    anchor_day: Mapped[int] = mapped_column(SmallInteger)
    """The day of the month on which periods begin; the month's last day where it has no such day."""
    started_on: Mapped[date]
    next_due_on: Mapped[date]
    """When the next period begins that no invoice has been made for."""
    paid_until: Mapped[date | None]
    """The end of the last period that has been paid for; moved on when a renewal invoice is paid."""
    status: Mapped[str] = mapped_column(String(10))
    cancelled_on: Mapped[date | None]
    moved_to_id: Mapped[int | None] = mapped_column(BigInteger)
    """The customer who has it now, with the same number: this one was merged into them."""
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
