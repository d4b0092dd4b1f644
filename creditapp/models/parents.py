"""The rows that entries point to and that other parts of the product fill in: here they are bare keys."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id
from creditapp.db import Base


class _OfCustomer:
    """A table of one customer's rows: `customer_id` comes first in the key, so that a customer is one shard."""

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)


class Invoice(_OfCustomer, Base):
    """What credit is applied to; *Invoice #1234* is its id."""

    __tablename__ = "invoices"


class Payment(_OfCustomer, Base):
    """Money that came in."""

    __tablename__ = "payments"


class Subscription(_OfCustomer, Base):
    """The recurring service a customer has."""

    __tablename__ = "subscriptions"


class Batch(Base):
    """Entries that were issued, and can be reversed, together."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(Id, primary_key=True)


class Incident(Base):
    """An outage with a start and an end."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(Id, primary_key=True)


class PromoCode(Base):
    """A code that grants credit in an order."""

    __tablename__ = "promo_codes"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
