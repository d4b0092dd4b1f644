"""Customers: the panel's users who own a balance."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, Key, UtcDateTime
from creditapp.db import Base

NAME_CHARS_MAX = 200
EMAIL_CHARS_MAX = 254
EXTERNAL_ID_CHARS_MAX = 64


class CustomerStatus(StrEnum):
    """Where a customer stands. Only an active or inactive one takes entries."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    MERGED = "merged"
    CLOSED = "closed"


class Customer(Base):
    """A person or company with a credit balance. E-mails need not be unique: merging exists for duplicates."""

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        CheckConstraint("status IN ('active', 'inactive', 'merged', 'closed')", name="status_is_known"),
        CheckConstraint("(status = 'merged') = (merged_into_id IS NOT NULL)", name="merged_names_the_survivor"),
        Index("ix_customers_name_key", "name_key", "id"),
        Index("ix_customers_email_key", "email_key", "id"),
        Index("ix_customers_joined_on", "joined_on", "id"),
        Index("uq_customers_referral_code", "referral_code", unique=True),
        Index(
            "ix_customers_merged_into_id",
            *("merged_into_id", "id"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
            sqlite_where=text("merged_into_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    external_id: Mapped[str | None] = mapped_column(String(EXTERNAL_ID_CHARS_MAX), unique=True)
    """The customer's number in the panel it came from."""
    name: Mapped[str] = mapped_column(String(NAME_CHARS_MAX))
    company: Mapped[str] = mapped_column(String(NAME_CHARS_MAX), default="")
    email: Mapped[str] = mapped_column(String(EMAIL_CHARS_MAX))
    status: Mapped[str] = mapped_column(String(16), default=CustomerStatus.ACTIVE)
    joined_on: Mapped[date]
    name_key: Mapped[str] = mapped_column(Key)
    """The name, folded in Python, for sorting and prefix search."""
    email_key: Mapped[str] = mapped_column(Key)
    search_key: Mapped[str] = mapped_column(Text)
    """Name, company, e-mail and external id, folded in Python, for trigram search."""
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    automatic_credit: Mapped[bool | None]
    """Whether credit is used by itself on this customer's invoices; None: as the panel's settings say."""
    referral_code: Mapped[str | None] = mapped_column(String(16))
    """The code that brings others, folded; None until somebody asks for it."""
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When every personal word was taken out; what is left is a number with a history."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts edits: a form that was opened on an older one is refused."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
