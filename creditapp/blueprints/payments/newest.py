"""A customer's newest payments, as the page about the customer shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from creditapp.blueprints.payments.words import method_words, not_due_words
from creditapp.db import db
from creditapp.permissions import Permission, can
from creditapp.queries import payments
from creditapp.queries.payments import NotDue
from creditapp.web.lists import Column, link

MOST = 5


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest payments of one customer, and where the others are."""

    customer_id: int
    rows: list[Any]
    invoices: dict[tuple[int, int], list[int]]
    not_due: dict[tuple[int, int], NotDue]
    all_url: str
    new_url: str | None
    """Where a payment is recorded, for who may."""
    columns: tuple[Column, ...] = (
        Column("Received"),
        Column("Method"),
        Column("To invoices"),
        Column("Amount", numeric=True),
        Column("Became credit", numeric=True),
        Column("Payment"),
    )

    @staticmethod
    def method_of(row: Any) -> str:  # noqa: ANN401  (a row)
        return method_words(row.method)

    def paid_by(self, row: Any) -> list[int]:  # noqa: ANN401  (a row)
        """Return which invoices this payment paid."""
        return self.invoices.get((row.customer_id, row.id), [])

    def not_due_of(self, row: Any) -> NotDue | None:  # noqa: ANN401  (a row)
        """Return the invoice that this payment was for, and that took none of it."""
        return self.not_due.get((row.customer_id, row.id))

    @staticmethod
    def why(not_due: NotDue) -> str:
        return not_due_words(not_due)


def newest_of(customer_id: int, *, is_closed: bool = False) -> Newest | None:
    """Return the customer's newest payments; None for who may not see any."""
    if not can(Permission.PAYMENT_READ):
        return None
    session = db.session()
    rows = payments.newest_of(session, customer_id, MOST)
    may_write = can(Permission.PAYMENT_WRITE) and not is_closed
    shown = [(row.customer_id, row.id) for row in rows]
    return Newest(
        customer_id,
        rows,
        payments.invoices_of(session, shown),
        payments.not_due_of(session, shown),
        link(url_for("payments.index"), {"customer": customer_id}),
        link(url_for("payments.create"), {"customer": customer_id}) if may_write else None,
    )
