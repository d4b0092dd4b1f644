"""Staff: the people who sign in to the dashboard, and what each role may post alone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class Role(StrEnum):
    """What a staff member is; `permissions.ROLES` says what each may do."""

    ADMIN = "admin"
    MANAGER = "manager"
    AGENT = "agent"
    AUDITOR = "auditor"

    @property
    def label(self) -> str:
        return {"agent": "Support agent"}.get(self.value, self.value.capitalize())


class Staff(Base):
    """A person who works in the panel. Never deleted: entries name their maker."""

    __tablename__ = "staff"
    __table_args__ = (CheckConstraint("name <> ''", name="has_a_name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    log_in_id: Mapped[int] = mapped_column(ForeignKey("log_ins.id", ondelete="RESTRICT"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(ForeignKey("roles.role", ondelete="RESTRICT"))
    own_customer_id: Mapped[int | None] = mapped_column(BigInteger)
    """The account that this person has as a customer: nothing is done there by oneself."""
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RoleRules(Base):
    """What one role may post alone; an empty limit is no limit."""

    __tablename__ = "roles"
    __table_args__ = (
        CheckConstraint("add_max_minor > 0 AND add_max_minor <= 100000000000", name="add_limit_is_an_amount"),
        CheckConstraint("remove_max_minor > 0 AND remove_max_minor <= 100000000000", name="remove_limit_is_an_amount"),
    )

    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    add_max_minor: Mapped[int | None] = mapped_column(BigInteger)
    remove_max_minor: Mapped[int | None] = mapped_column(BigInteger)
    reverses_own_only: Mapped[bool] = mapped_column(default=False)
    """May reverse only what the same person posted on the same day."""
    totp_required: Mapped[bool] = mapped_column(default=False)
    """Whoever has the role signs in with a second factor."""


class StaffInvitation(Base):
    """A link by which somebody becomes staff, once: they choose a password, the rest is as the inviter said."""

    __tablename__ = "staff_invitations"
    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        Index("ix_staff_invitations_email_key", "email_key"),
        Index("ix_staff_invitations_ends_at", "ends_at"),
    )

    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """SHA-256 of the random token in the link."""
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(ForeignKey("roles.role", ondelete="RESTRICT"))
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id", ondelete="RESTRICT"))
    """None where it was made on the command line: the first admin is invited by nobody."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
