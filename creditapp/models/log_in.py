"""Log-ins and their sessions: for staff now, for customers later."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class LogInKind(StrEnum):
    """Which door a log-in opens."""

    STAFF = "staff"
    CUSTOMER = "customer"


class LogIn(Base):
    """An e-mail and a password. The same e-mail may open both doors, each with its own log-in."""

    __tablename__ = "log_ins"
    __table_args__ = (
        UniqueConstraint("kind", "email_key", name="uq_log_ins_kind_email_key"),
        CheckConstraint("kind IN ('staff', 'customer')", name="kind_is_known"),
        CheckConstraint("(kind = 'customer') = (customer_id IS NOT NULL)", name="customer_log_in_has_a_customer"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LogInSession(Base):
    """One signed-in browser. Its row is the session: without the row the cookie opens nothing."""

    __tablename__ = "log_in_sessions"
    __table_args__ = (
        Index("ix_log_in_sessions_log_in_id", "log_in_id"),
        Index("ix_log_in_sessions_ends_at", "ends_at"),
    )

    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of the random token in the cookie."""
    log_in_id: Mapped[int] = mapped_column(ForeignKey("log_ins.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The absolute time-out."""
    address: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")


class LinkPurpose(StrEnum):
    """What a link opens, once."""

    INVITATION = "invitation"
    RESET = "reset"


class OneTimeLink(Base):
    """A link that was sent by mail and opens one form, once: to choose a first password, or a new one."""

    __tablename__ = "one_time_links"
    __table_args__ = (
        CheckConstraint("purpose IN ('invitation', 'reset')", name="purpose_is_known"),
        CheckConstraint("(purpose = 'reset') = (log_in_id IS NOT NULL)", name="reset_is_of_a_log_in"),
        Index("ix_one_time_links_customer_id", "customer_id", "purpose"),
        Index("ix_one_time_links_ends_at", "ends_at"),
    )

    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of the random token in the link."""
    purpose: Mapped[str] = mapped_column(String(12))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    log_in_id: Mapped[int | None] = mapped_column(ForeignKey("log_ins.id", ondelete="RESTRICT"))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FormDraft(Base):
    """What was typed into a form whose session had run out; the same person finds it again after signing in."""

    __tablename__ = "form_drafts"
    __table_args__ = (Index("ix_form_drafts_created_at", "created_at"),)

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    log_in_id: Mapped[int] = mapped_column(ForeignKey("log_ins.id", ondelete="RESTRICT"))
    path: Mapped[str] = mapped_column(Text)
    fields: Mapped[list[list[str]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
