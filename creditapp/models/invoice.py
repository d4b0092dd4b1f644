"""Invoices: what is owed, its lines, and what happened to it."""

from __future__ import annotations

from datetime import date, datetime
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


class InvoiceKind(StrEnum):
    """What an invoice is for."""

    ORDER = "order"
    RENEWAL = "renewal"
    MANUAL = "manual"
    ADD_FUNDS = "add_funds"
    """Pays for credit, and is never paid with credit."""
    CLAWBACK = "clawback"
    """What was spent of money that was taken back later."""

    @property
    def label(self) -> str:
        return {InvoiceKind.ADD_FUNDS: "Add Funds", InvoiceKind.CLAWBACK: "Claw-back"}.get(self, self.capitalize())


class InvoiceStatus(StrEnum):
    """Where an invoice is; `services.invoices.status` computes it, and a CHECK holds it to the amounts."""

    DRAFT = "draft"
    UNPAID = "unpaid"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Invoice(Base):
    """What a customer owes; *Invoice #1234* is its id. Due is total − credit − paid."""

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("customer_id", "key", name="uq_invoices_customer_id_key"),
        ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_invoices_subscription",
            ondelete="RESTRICT",
        ),
        CheckConstraint("kind IN ('order', 'renewal', 'manual', 'add_funds', 'clawback')", name="kind_is_known"),
        CheckConstraint("status IN ('draft', 'unpaid', 'paid', 'cancelled', 'refunded')", name="status_is_known"),
        CheckConstraint("total_minor = net_minor + tax_minor", name="total_is_net_and_tax"),
        CheckConstraint("total_minor BETWEEN 0 AND 100000000000", name="total_is_in_range"),
        CheckConstraint("credit_minor >= 0 AND paid_minor >= 0", name="nothing_is_paid_below_zero"),
        CheckConstraint("credit_minor + paid_minor <= total_minor", name="no_more_is_paid_than_owed"),
        CheckConstraint("refunded_minor BETWEEN 0 AND paid_minor", name="no_more_is_refunded_than_paid"),
        CheckConstraint("eligible_minor BETWEEN 0 AND total_minor", name="eligible_is_within_total"),
        CheckConstraint("kind <> 'add_funds' OR credit_minor = 0", name="funds_are_not_added_from_credit"),
        CheckConstraint(
            "status NOT IN ('unpaid', 'paid') OR (status = 'paid') = (credit_minor + paid_minor = total_minor)",
            name="paid_owes_nothing",
        ),
        CheckConstraint(
            "status <> 'draft' OR (credit_minor = 0 AND paid_minor = 0)", name="nothing_is_paid_on_a_draft"
        ),
        CheckConstraint(
            "status NOT IN ('cancelled', 'refunded') OR (credit_minor = 0 AND refunded_minor = paid_minor)",
            name="everything_has_come_back",
        ),
        CheckConstraint("status = 'draft' OR (issued_on IS NOT NULL AND due_on IS NOT NULL)", name="issued_says_when"),
        CheckConstraint(
            "(subscription_id IS NULL) = (period_start IS NULL) AND (period_start IS NULL) = (period_end IS NULL)",
            name="renewal_names_its_period",
        ),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        Index("ix_invoices_id", "id"),
        Index("ix_invoices_status", "status", "id"),
        Index("ix_invoices_kind", "kind", "id"),
        Index("ix_invoices_issued_on", "issued_on", "id"),
        Index(
            "ix_invoices_open",
            *("due_on", "customer_id", "id"),
            postgresql_where=text("status = 'unpaid'"),
            sqlite_where=text("status = 'unpaid'"),
        ),
        Index(
            "uq_invoices_period",
            *("customer_id", "subscription_id", "period_start"),
            unique=True,
            postgresql_where=text("subscription_id IS NOT NULL"),
            sqlite_where=text("subscription_id IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 85}},
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    currency: Mapped[str] = mapped_column(String(3))
    is_gross: Mapped[bool]
    """The prices of its lines include the tax."""
    net_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    eligible_minor: Mapped[int] = mapped_column(BigInteger)
    """How much of the total credit may pay by itself: the lines whose products allowed it when it was made."""
    credit_minor: Mapped[int] = mapped_column(BigInteger)
    """Credit that is applied to it."""
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    """Money that has been paid for it, credit apart."""
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    """How much of what was paid has gone back."""
    issued_on: Mapped[date | None]
    due_on: Mapped[date | None]
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was cancelled or refunded."""
    payment_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A payment through a gateway is under way since then; no credit is applied meanwhile."""
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    """The first day that is no longer paid for."""
    note: Mapped[str] = mapped_column(Text)
    """A line for the customer, at the invoice's foot."""
    events: Mapped[int]
    """How many rows of history it has."""
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(100))
    moved_to_id: Mapped[int | None] = mapped_column(BigInteger)
    """The customer under whom it was issued again, with the same number, when this one was merged into them."""
    moved_from_id: Mapped[int | None] = mapped_column(BigInteger)
    """The customer, merged since, under whom it was issued first."""
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class InvoiceLine(Base):
    """One charge. Tax is rounded for each line."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_invoice_lines_invoice",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_invoice_lines_subscription",
            ondelete="RESTRICT",
        ),
        CheckConstraint("line > 0", name="line_counts_from_one"),
        CheckConstraint("quantity BETWEEN 1 AND 100000", name="quantity_is_in_range"),
        CheckConstraint("unit_minor BETWEEN -100000000000 AND 100000000000", name="unit_is_in_range"),
        CheckConstraint("gross_minor = net_minor + tax_minor", name="gross_is_net_and_tax"),
        CheckConstraint("tax_bp BETWEEN 0 AND 10000", name="tax_is_a_rate"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    invoice_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    description: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int]
    unit_minor: Mapped[int] = mapped_column(BigInteger)
    """The price of one; with tax if the invoice `is_gross`. Below zero for a discount."""
    tax_bp: Mapped[int]
    net_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    is_credit_automatic: Mapped[bool]


class InvoiceEvent(Base):
    """Something that happened to an invoice: who did it, and the facts. Holds no personal words."""

    __tablename__ = "invoice_events"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_invoice_events_invoice",
            ondelete="RESTRICT",
        ),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    invoice_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(String(24))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    entry_seq: Mapped[int | None] = mapped_column(BigInteger)
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
