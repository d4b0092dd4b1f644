"""Downtime: the policies that say what an outage is worth, and the incidents themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class PolicyMethod(StrEnum):
    """How an outage becomes a share of the monthly fee."""

    PRO_RATA = "pro_rata"
    MULTIPLIER = "multiplier"
    """Pro rata, times a factor."""
    BLOCK = "block"
    """So much for each started block of minutes."""
    TIERS = "tiers"
    """A table: below this uptime, that percentage."""
    FIXED = "fixed"
    """The same amount for every subscription."""


class MonthBasis(StrEnum):
    """How long a month is."""

    ACTUAL = "actual"
    """The calendar month in the panel's zone."""
    DAYS_30 = "30_days"
    HOURS_730 = "730_h"


class MinuteRule(StrEnum):
    """What becomes of the seconds of a minute that has not been down from end to end."""

    EXACT = "exact"
    WHOLE = "whole"
    """Partial minutes do not count."""
    STARTED = "started"
    """A started minute counts in full."""


class FeeBasis(StrEnum):
    """Which price the monthly fee comes from."""

    AS_PRICED = "as_priced"
    NET = "net"
    """Without tax."""
    GROSS = "gross"
    """With tax."""


class DowntimePolicy(Base):
    """What an outage is worth. Switched off, never deleted: incidents name it."""

    __tablename__ = "downtime_policies"
    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        CheckConstraint("method IN ('pro_rata', 'multiplier', 'block', 'tiers', 'fixed')", name="method_is_known"),
        CheckConstraint("month_basis IN ('actual', '30_days', '730_h')", name="month_basis_is_known"),
        CheckConstraint("minute_rule IN ('exact', 'whole', 'started')", name="minute_rule_is_known"),
        CheckConstraint("fee_basis IN ('as_priced', 'net', 'gross')", name="fee_basis_is_known"),
        CheckConstraint("rounding IN ('half_up', 'down', 'up')", name="rounding_is_known"),
        CheckConstraint("factor_hundredths BETWEEN 1 AND 1000000", name="factor_is_in_range"),
        CheckConstraint("block_minutes BETWEEN 1 AND 44640", name="block_is_in_range"),
        CheckConstraint("block_bp BETWEEN 1 AND 100000", name="block_percent_is_a_rate"),
        CheckConstraint("fixed_minor BETWEEN 0 AND 100000000000", name="fixed_is_in_range"),
        CheckConstraint("cap_bp BETWEEN 1 AND 100000", name="cap_is_a_rate"),
        CheckConstraint("minimum_minor BETWEEN 0 AND 100000000000", name="minimum_is_in_range"),
        CheckConstraint("excluded_minutes BETWEEN 0 AND 44640", name="excluded_is_in_range"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    description: Mapped[str] = mapped_column(String(300))
    """Who publishes it, and what it says; for staff."""
    method: Mapped[str] = mapped_column(String(10))
    month_basis: Mapped[str] = mapped_column(String(8))
    minute_rule: Mapped[str] = mapped_column(String(8))
    fee_basis: Mapped[str] = mapped_column(String(10))
    rounding: Mapped[str] = mapped_column(String(8))
    factor_hundredths: Mapped[int]
    """For a multiplier: 1,000 is ten times."""
    block_minutes: Mapped[int]
    block_bp: Mapped[int]
    """For blocks: the share of the monthly fee for each, in hundredths of a percent."""
    fixed_minor: Mapped[int] = mapped_column(BigInteger)
    cap_bp: Mapped[int]
    """The largest share of one month's fee, in hundredths of a percent; 10,000 is the whole fee."""
    minimum_minor: Mapped[int] = mapped_column(BigInteger)
    """A smaller credit is not given at all."""
    excluded_minutes: Mapped[int]
    """How many minutes of each month do not count (announced maintenance)."""
    position: Mapped[int]
    is_active: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DowntimeTier(Base):
    """One row of a policy's table: below this uptime, that share of the monthly fee."""

    __tablename__ = "downtime_tiers"
    __table_args__ = (
        CheckConstraint("below_ppm BETWEEN 1 AND 1000000", name="uptime_is_a_share"),
        CheckConstraint("credit_bp BETWEEN 1 AND 100000", name="credit_is_a_rate"),
    )

    policy_id: Mapped[int] = mapped_column(
        Id, ForeignKey("downtime_policies.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    below_ppm: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """An uptime in millionths: 999,900 is 99.99 %."""
    credit_bp: Mapped[int]


class Incident(Base):
    """An outage: when, what was hit, and by which policy it is credited. Never deleted, only dismissed."""

    __tablename__ = "incidents"
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_after_it_starts"),
        CheckConstraint("credit_round > 0", name="rounds_are_counted"),
        Index("ix_incidents_starts_at", "starts_at", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    reference: Mapped[str] = mapped_column(String(80))
    """What it is called elsewhere: a ticket, a status page; empty if nothing."""
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None while it lasts."""
    time_zone: Mapped[str] = mapped_column(String(64))
    """In which its times are written and read."""
    policy_id: Mapped[int | None] = mapped_column(BigInteger)
    """A row of `downtime_policies`, which keeps every row."""
    reason_id: Mapped[int | None] = mapped_column(BigInteger)
    """A row of `reasons`, which keeps every row; None: the panel's reason for downtime."""
    customer_note: Mapped[str] = mapped_column(String(500))
    """What customers read beside their credit."""
    note: Mapped[str] = mapped_column(String(2000))
    search_key: Mapped[str] = mapped_column(Text)
    """Title and reference, folded."""
    credit_round: Mapped[int]
    """1, and one more each time its credit has been reversed: the same subscription is credited once in a round."""
    dismissed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    made_by: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IncidentWindow(Base):
    """A time inside an incident that does not count: announced maintenance."""

    __tablename__ = "incident_windows"
    __table_args__ = (CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),)

    incident_id: Mapped[int] = mapped_column(
        Id, ForeignKey("incidents.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IncidentProduct(Base):
    """A product that was hit, with every subscription to it."""

    __tablename__ = "incident_products"

    incident_id: Mapped[int] = mapped_column(
        Id, ForeignKey("incidents.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    product_id: Mapped[int] = mapped_column(
        Id, ForeignKey("products.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )


class IncidentLocation(Base):
    """A server or place that was hit, with every subscription that depends on it."""

    __tablename__ = "incident_locations"

    incident_id: Mapped[int] = mapped_column(
        Id, ForeignKey("incidents.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    location: Mapped[str] = mapped_column(String(80), primary_key=True)


class IncidentCustomer(Base):
    """A customer who was hit; with products or servers named, only there."""

    __tablename__ = "incident_customers"

    incident_id: Mapped[int] = mapped_column(
        Id, ForeignKey("incidents.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )


def downtime_key(incident_id: int, subscription_id: int, credit_round: int) -> str:
    """Return the key under which a subscription is credited for an incident: once in a round, by whatever way."""
    return f"downtime:{incident_id}:{subscription_id}:{credit_round}"
