"""The catalogue: the list that people search and filter, one product, and what can be subscribed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, select

from creditapp.models import Cycle, Product
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CHOICES_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    """Which products a list shows; what is empty does not matter."""

    text: str = ""
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """One product, as its form shows it."""

    id: int
    name: str
    kind: str
    price_minor: int
    cycle: str
    tax_bp: int
    is_credit_automatic: bool
    is_active: bool
    version: int


@dataclass(frozen=True, slots=True)
class ProductChoice:
    """One product that can be subscribed to."""

    id: int
    name: str
    kind: str
    price_minor: int
    cycle: str


def select_list(wanted: ProductFilter) -> Select[*tuple[Any, ...]]:
    """Return the products that fit, to be ordered and limited.

    Columns: id, name, kind, price_minor, cycle, tax_bp, is_credit_automatic, is_active, name_key.
    """
    p = Product
    columns = (p.id, p.name, p.kind, p.price_minor, p.cycle, p.tax_bp, p.is_credit_automatic, p.is_active, p.name_key)
    return select(*columns).where(*_conditions(wanted))


def count(session: Session, wanted: ProductFilter, *, most: int) -> int:
    """Return how many products fit; counting stops at `most` and one more."""
    some = select(Product.id).where(*_conditions(wanted)).order_by(Product.name_key).limit(most + 1)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def find(session: Session, product_id: int) -> ProductFacts | None:
    """Return the product with this id, if there is one."""
    p = Product
    columns = (p.id, p.name, p.kind, p.price_minor, p.cycle, p.tax_bp, p.is_credit_automatic, p.is_active, p.version)
    row = session.execute(select(*columns).where(p.id == product_id)).one_or_none()
    return ProductFacts(*row) if row else None


def recurring(session: Session) -> list[ProductChoice]:
    """Return what can be subscribed to, by name: what is sold, and paid for again and again."""
    p = Product
    statement = (
        select(p.id, p.name, p.kind, p.price_minor, p.cycle)
        .where(p.is_active, p.cycle != str(Cycle.ONE_OFF))
        .order_by(p.name_key)
        .limit(CHOICES_MAX)
    )
    return [ProductChoice(*row) for row in session.execute(statement)]


def _conditions(wanted: ProductFilter) -> list[ColumnElement[bool]]:
    """Every word must be in the name, in any order."""
    p = Product
    found: list[ColumnElement[bool]] = [
        p.name_key.contains(word, autoescape=True) for word in fold(wanted.text).split()
    ]
    if wanted.is_active is not None:
        found.append(p.is_active.is_(wanted.is_active))
    return found
