"""Numbers that are handed out in blocks, before the transaction that uses them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.db import Base


class IdCounter(Base):
    """The next number of one kind that nobody has."""

    __tablename__ = "id_counters"
    __table_args__ = (CheckConstraint("next_id > 0", name="counts_from_one"),)

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    next_id: Mapped[int] = mapped_column(BigInteger)
