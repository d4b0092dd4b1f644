"""The panel's settings: one row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import UtcDateTime
from creditapp.db import Base


class Setting(Base):
    """What *Admin → Billing → Settings* saves. Locked `FOR SHARE` by what depends on a switch."""

    __tablename__ = "settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("duplicate_window_days BETWEEN 0 AND 90", name="duplicate_window_is_short"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    credits_enabled: Mapped[bool] = mapped_column(default=True)
    currency: Mapped[str] = mapped_column(String(3))
    company_name: Mapped[str] = mapped_column(String(80))
    time_zone: Mapped[str] = mapped_column(String(64))
    duplicate_window_days: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
