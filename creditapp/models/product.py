"""What is sold, once or again and again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class Cycle(StrEnum):
    """How often something is paid for."""

    ONE_OFF = "one_off"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"

    @property
    def months(self) -> int:
        """How many months a period has; 0 for what is paid for once."""
        return {Cycle.ONE_OFF: 0, Cycle.MONTHLY: 1, Cycle.QUARTERLY: 3, Cycle.YEARLY: 12}[self]

    @property
    def label(self) -> str:
        return {Cycle.ONE_OFF: "One-off"}.get(self, self.capitalize())


class ProductKind(StrEnum):
    """What sort of thing a product is."""

    HOSTING = "hosting"
    SERVER = "server"
    DOMAIN = "domain"
    LICENCE = "licence"
    STORAGE = "storage"
    ADDON = "addon"
    OTHER = "other"

    @property
    def label(self) -> str:
        return "Add-on" if self is ProductKind.ADDON else self.capitalize()


class Product(Base):
    """A line of the catalogue: what it is called, what it costs, and whether credit pays for it by itself."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("name <> ''", name="has_a_name"),
        CheckConstraint("kind IN ('hosting', 'server', 'domain', 'licence', 'storage', 'addon', 'other')", name="kind"),
        CheckConstraint("cycle IN ('one_off', 'monthly', 'quarterly', 'yearly')", name="cycle_is_known"),
        CheckConstraint("price_minor BETWEEN 0 AND 100000000000", name="price_is_in_range"),
        CheckConstraint("tax_bp BETWEEN 0 AND 10000", name="tax_is_a_rate"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    name_key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    price_minor: Mapped[int] = mapped_column(BigInteger)
    """For one period; with or without tax, as the panel's setting says."""
    cycle: Mapped[str] = mapped_column(String(10))
    tax_bp: Mapped[int]
    """Tax rate in basis points: 1,900 is 19 %."""
    is_credit_automatic: Mapped[bool]
    """Credit may be used for it without anybody asking."""
    is_active: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
