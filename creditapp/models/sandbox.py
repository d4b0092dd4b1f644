"""The sandbox: a card gateway of our own, for trying things out. Its rows are the far end's, not our books'."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class SandboxSession(Base):
    """A page on which a card can be charged: what the merchant asked for."""

    __tablename__ = "sandbox_sessions"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_is_positive"),)

    ref: Mapped[str] = mapped_column(String(60), primary_key=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reference: Mapped[str] = mapped_column(String(120), unique=True)
    """What the merchant calls it: asking twice makes one page."""
    description: Mapped[str] = mapped_column(String(200))
    return_url: Mapped[str] = mapped_column(Text)
    callback_url: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SandboxCharge(Base):
    """One time a card was charged on a page; there can be several."""

    __tablename__ = "sandbox_charges"
    __table_args__ = (
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="no_more_is_refunded_than_charged"),
        Index("ix_sandbox_charges_session_ref", "session_ref"),
    )

    ref: Mapped[str] = mapped_column(String(60), primary_key=True)
    session_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_sessions.ref", ondelete="RESTRICT"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    disputed_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SandboxRefund(Base):
    """One refund that a merchant asked for, under the merchant's key."""

    __tablename__ = "sandbox_refunds"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    ref: Mapped[str] = mapped_column(String(60), unique=True)
    charge_ref: Mapped[str] = mapped_column(ForeignKey("sandbox_charges.ref", ondelete="RESTRICT"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SandboxCallback(Base):
    """Something the sandbox tells the merchant, again and again until it is heard."""

    __tablename__ = "sandbox_callbacks"
    __table_args__ = (
        Index(
            "ix_sandbox_callbacks_waiting",
            *("next_try_at", "id"),
            postgresql_where=text("next_try_at IS NOT NULL"),
            sqlite_where=text("next_try_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(String(60), unique=True)
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None once it has been heard, or given up."""
    answer: Mapped[str] = mapped_column(String(200))
    """What the merchant answered last."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
