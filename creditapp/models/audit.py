"""The audit log: everything but money acts, which the ledger audits itself. Hash-chained under one head row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import UtcDateTime
from creditapp.db import Base


class AuditHead(Base):
    """The newest row's number and hash; locked last in a transaction."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditRow(Base):
    """Who did what to which object, when. No personal words: those lie in `audit_details`."""

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        # Each ends in the moment: whatever the log is asked for, a period of it and its newest rows are one range.
        Index("ix_audit_log_object", "object_kind", "object_id", "at", "seq"),
        Index("ix_audit_log_actor", "actor", "actor_id", "at", "seq"),
        Index("ix_audit_log_at", "at", "seq"),
        Index("ix_audit_log_action", "action", "at", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(40))
    object_kind: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    details_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)


class AuditDetails(Base):
    """Before, after, and where from. Erasable, otherwise unchangeable."""

    __tablename__ = "audit_details"

    seq: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("audit_log.seq", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
