"""Log-ins and their sessions: for staff now, for customers later."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
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
        Index(
            "ix_log_ins_customer_id",
            "customer_id",
            postgresql_where=text("customer_id IS NOT NULL"),
            sqlite_where=text("customer_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    totp_salt: Mapped[bytes | None] = mapped_column(LargeBinary(20))
    """What the second factor's secret is made from, with a key that lies outside of the database."""
    totp_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a first code was right; from then on each sign-in asks for one."""
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The step of time of the newest code that was taken: no code is taken twice."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A code that stands in for the second factor, once."""

    __tablename__ = "recovery_codes"

    log_in_id: Mapped[int] = mapped_column(
        Id, ForeignKey("log_ins.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the password was given last; what is dangerous asks for it again after a while."""
    awaits_code: Mapped[bool] = mapped_column(default=False)
    """The password was right, the second factor is still to come: the session opens nothing else."""
    views_customer_id: Mapped[int | None] = mapped_column(BigInteger)
    """The customer whose client area a staff member looks at, without being able to do anything there."""


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
