"""The list of products: what the URL asks for, and the page, chips and links that answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from creditapp.db import db
from creditapp.models import Product
from creditapp.queries import products
from creditapp.queries.products import ProductFilter
from creditapp.web import lists, urls
from creditapp.web.lists import Column, Page, Sort

COLUMNS = (
    Column("Product", "name"),
    Column("Kind"),
    Column("Credit"),
    Column("Status"),
    Column("Tax", numeric=True),
    Column("Price", "price", numeric=True),
)
STATUS_CHOICES = [("", "Any"), ("sold", "On sale"), ("off", "Off")]
_STATUSES = {"sold": True, "off": False}


@dataclass(frozen=True, slots=True)
class _Order:
    """One way to sort: the columns, how a cursor is read, and what a shown row puts into one."""

    columns: tuple[Any, ...]
    read: Callable[[Sequence[Any]], Sequence[Any]]
    key_of: Callable[[Row[Any]], Sequence[Any]]


ORDERS = {
    "name": _Order((Product.name_key,), urls.each(urls.folded), lambda row: (row.name_key,)),
    "price": _Order(
        (Product.price_minor, Product.id), urls.each(urls.whole, urls.whole), lambda row: (row.price_minor, row.id)
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for: filter and order, as understood."""

    wanted: ProductFilter
    sort: str

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is as if it were not there."""
        sort = args.get("sort", "")
        wanted = ProductFilter(text=urls.text(args, "q"), is_active=_STATUSES.get(args.get("status", "")))
        return cls(wanted, sort if sort.removeprefix("-") in ORDERS else "name")

    @property
    def args(self) -> dict[str, str | None]:
        """The arguments that ask for this again, in their canonical form."""
        status = next((word for word, is_active in _STATUSES.items() if is_active is self.wanted.is_active), None)
        return {"q": self.wanted.text, "status": status, "sort": None if self.sort == "name" else self.sort}

    @property
    def is_filtered(self) -> bool:
        return self.wanted != ProductFilter()

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        said = [
            (f"“{self.wanted.text}”", "q", self.wanted.text),
            ("On sale" if self.wanted.is_active else "Off", "status", self.wanted.is_active is not None),
        ]
        return [(words, lists.link(path, {**self.args, name: None})) for words, name, is_set in said if is_set]


def read_page(asked: Asked, args: Mapping[str, str], path: str) -> Page:
    """Return the page of products the URL asks for."""
    session = db.session()
    order = ORDERS[asked.sort.removeprefix("-")]
    sort = Sort(order.columns, asked.sort.startswith("-"), order.read)
    cursor = lists.read_cursor(args, sort)
    found = session.execute(lists.select_page(products.select_list(asked.wanted), sort, cursor)).all()
    return lists.make_page(
        found,
        cursor,
        key_of=order.key_of,
        url=lambda **place: lists.link(path, {**asked.args, **place}),
        noun="products",
        total=lists.counted(products.count(session, asked.wanted, most=lists.COUNT_MAX)),
    )


def columns(asked: Asked, path: str) -> list[Column]:
    """Return the heads of the table with their links."""
    return lists.sortable(COLUMNS, asked.sort, "name", path, asked.args)
