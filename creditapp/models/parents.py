"""The rows that entries point to and that other parts of the product fill in: here they are bare keys."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id
from creditapp.db import Base


class Batch(Base):
    """Entries that were issued, and can be reversed, together."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(Id, primary_key=True)


class Incident(Base):
    """An outage with a start and an end."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
