"""Deleting customers as tests call it, and looking for words in the whole database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import inspect, select, text

from creditapp.db import Base, db, transact
from creditapp.models import CreditAccount, Customer
from creditapp.services import customer_life, numbers
from creditapp.services.customer_life import Choices, Deleted
from tests.factories import actor, new_key, reason_named

COUNTED = ("credit_entries", "payments", "invoices", "invoice_lines", "invoice_events", "audit_log", "refunds")


def delete(customer: int, *, key: str = "", cancels: bool = False, **given: Any) -> Deleted:  # noqa: ANN401
    """Delete the customer as an admin who has just seen the page; what is given is chosen."""
    db.session.rollback()
    c, a = Customer, CreditAccount
    seen = select(c.version, a.balance_minor).join(a, a.customer_id == c.id).where(c.id == customer)
    version, balance_minor = db.session.execute(seen).one()
    number = transact(numbers.reserve, "refunds", 5)
    choices = Choices(**({"reason_id": reason_named("Courtesy")} | given))
    return transact(
        customer_life.delete,
        customer,
        choices,
        version=version,
        seen_minor=balance_minor,
        cancel_invoices=cancels,
        refund_ids=range(number, number + 5),
        by=actor(),
        key=key or new_key(),
    )


def sums() -> dict[str, tuple[int, int]]:
    """Return how many rows there are of what stays, and what their amounts sum to."""
    db.session.rollback()
    found = {}
    for name in COUNTED:
        amounts = [
            c.name for c in Base.metadata.tables[name].c if c.name in {"amount_minor", "total_minor", "gross_minor"}
        ]
        summed = f"COALESCE(SUM({amounts[0]}), 0)" if amounts else "0"
        count, minor = db.session.execute(text(f"SELECT COUNT(*), {summed} FROM {name}")).one()
        found[name] = (int(count), int(minor))
    return found


def holders(*words: str) -> set[str]:
    """Return where any of these words stands, as `table.column`, whatever its letters; of every table there is."""
    db.session.rollback()
    wanted = [form.casefold() for word in words for form in (word, json.dumps(word)[1:-1])]
    return {where for where, value in _values() if any(one in _said(value) for one in wanted)}


def _values() -> Iterator[tuple[str, Any]]:
    for name in inspect(db.session.connection()).get_table_names():
        rows = db.session.execute(text(f'SELECT * FROM "{name}"'))
        columns = list(rows.keys())
        for row in rows:
            yield from ((f"{name}.{column}", value) for column, value in zip(columns, row, strict=True))


def _said(value: Any) -> str:  # noqa: ANN401  (whatever a column holds)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace").casefold()
    return json.dumps(value, ensure_ascii=False).casefold() if isinstance(value, dict | list) else str(value).casefold()
