"""A customer's newest invoices, as the page about the customer shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from creditapp.blueprints.invoices.detail import is_overdue
from creditapp.blueprints.invoices.words import status_tag
from creditapp.db import db
from creditapp.models import InvoiceKind
from creditapp.permissions import Permission, can
from creditapp.queries import invoices
from creditapp.web.lists import Column, link

MOST = 5


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest invoices of one customer, and where the others are."""

    customer_id: int
    rows: list[Any]
    all_url: str
    new_url: str | None
    """Where a new one is made, for who may."""
    columns: tuple[Column, ...] = (
        Column("Invoice"),
        Column("Kind"),
        Column("Status"),
        Column("Due"),
        Column("Total", numeric=True),
        Column("Credit", numeric=True),
        Column("Balance remaining", numeric=True),
    )

    @staticmethod
    def tag_of(row: Any) -> tuple[str, Any]:  # noqa: ANN401  (a row)
        overdue = is_overdue(row.status, row.due_on)
        return status_tag(row.status, is_overdue=overdue, has_moved=row.moved_to_id is not None)

    @staticmethod
    def kind_of(row: Any) -> str:  # noqa: ANN401  (a row)
        return InvoiceKind(row.kind).label


def newest_of(customer_id: int, *, is_closed: bool = False) -> Newest | None:
    """Return the customer's newest invoices; None for who may not see any."""
    if not can(Permission.INVOICE_READ):
        return None
    may_write = can(Permission.INVOICE_WRITE) and not is_closed
    return Newest(
        customer_id,
        invoices.newest_of(db.session(), customer_id, MOST),
        link(url_for("invoices.index"), {"customer": customer_id}),
        link(url_for("invoices.create"), {"customer": customer_id}) if may_write else None,
    )
