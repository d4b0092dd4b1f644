"""Reasons: the managed list that says why credit was given or taken."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id
from creditapp.db import Base


class Direction(StrEnum):
    """Which way a reason may move credit."""

    ADD = "add"
    REMOVE = "remove"
    BOTH = "both"


class Reason(Base):
    """One reason. Switched off rather than deleted: entries name it."""

    __tablename__ = "reasons"
    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        CheckConstraint("direction IN ('add', 'remove', 'both')", name="direction_is_known"),
        CheckConstraint("class IN ('paid', 'goodwill', 'promotional')", name="class_is_known"),
        CheckConstraint("expires_after_days BETWEEN 1 AND 3660", name="expiry_is_within_ten_years"),
        CheckConstraint("note_above_minor >= 0", name="note_limit_is_an_amount"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    direction: Mapped[str] = mapped_column(String(8))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_quiet: Mapped[bool] = mapped_column(default=False)
    """No mail, and not on the recent list by default; still in the ledger."""
    note_required: Mapped[bool] = mapped_column(default=False)
    note_above_minor: Mapped[int | None] = mapped_column(BigInteger)
    """A note is required above this amount; empty: never for the amount's sake."""
    class_: Mapped[str] = mapped_column("class", String(12))
    expires_after_days: Mapped[int | None]
    customer_text: Mapped[str] = mapped_column(String(200), default="")
    """The line the customer sees unless staff write another."""
    position: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
