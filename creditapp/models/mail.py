"""Mail: what waits to be sent, and the texts that people have changed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class MailEvent(StrEnum):
    """What a mail is about."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105  (what is asked for, not a password)
    ADDRESS_CHANGED = "address_changed"
    CREDIT_RECEIVED = "credit_received"
    INVOICE_ISSUED = "invoice_issued"
    INVOICE_PAID = "invoice_paid"
    PAYMENT_FAILED = "payment_failed"
    CREDIT_EXPIRING = "credit_expiring"
    LOW_BALANCE = "low_balance"
    REFUND_SENT = "refund_sent"
    STAFF_INVITATION = "staff_invitation"
    STAFF_PASSWORD_RESET = "staff_password_reset"  # noqa: S105  (what is asked for, not a password)
    STAFF_ADDRESS_CHANGED = "staff_address_changed"
    TEST = "test"
    """Staff try whether mail arrives."""


class MailStatus(StrEnum):
    """Where a mail stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    """It was refused for good, or too often."""


class Mail(Base):
    """One mail, written in the transaction that it is about and sent by the worker after the commit."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("key", name="uq_mails_key"),
        CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status_is_known"),
        Index("ix_mails_customer_id", "customer_id", "id"),
        Index(
            "ix_mails_waiting",
            *("next_try_at", "id"),
            postgresql_where=text("status = 'waiting'"),
            sqlite_where=text("status = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(120))
    """What it is about, so that nobody is told twice."""
    event: Mapped[str] = mapped_column(String(30))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(250))
    text: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(String(500))
    """The link that `{url}` in the text stands for. It opens a door, so it is forgotten when it has been sent."""
    status: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int]
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MailText(Base):
    """What people have changed in the mail of one event.

    Where there is no row, or no words in it, the text is as it was delivered.
    """

    __tablename__ = "mail_texts"

    event: Mapped[str] = mapped_column(String(30), primary_key=True)
    is_enabled: Mapped[bool]
    subject: Mapped[str] = mapped_column(String(250))
    body: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
