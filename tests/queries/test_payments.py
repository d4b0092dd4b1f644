"""The list of payments reads no more than it shows, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select

from creditapp.db import db
from creditapp.queries import payments
from creditapp.queries.payments import PaymentFilter
from tests.factories import make_customer, make_payment


def steps(statement: Select[Any]) -> list[str]:
    """Return what SQLite does to answer this."""
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True, "render_postcompile": True})
    with db.engine.connect() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]


@pytest.mark.parametrize(
    "wanted",
    [
        PaymentFilter(),
        PaymentFilter(method="bank", received_from=date(2026, 3, 1), made_credit=True),
        PaymentFilter(received_from=date(2026, 3, 1), received_until=date(2026, 3, 2)),
        PaymentFilter(received_until=date(2026, 3, 2)),
        PaymentFilter(customer_id=1),
        PaymentFilter(text="TX-1"),
        PaymentFilter(text="#2", method="bank"),
        PaymentFilter(text="nolan"),
    ],
)
def test_a_page_of_the_list_walks_an_index(app: Flask, wanted: PaymentFilter) -> None:
    make_payment(make_customer(), 100, transaction_ref="TX-1")
    keys = payments.select_list(db.session(), wanted)

    order = [keys.selected_columns[name].desc() for name in payments.order(wanted)]
    told = steps(keys.order_by(*order).limit(50))

    assert "SCAN payments" not in told, told
    assert any("payments" in step for step in told)
    if not wanted.text:
        assert "USE TEMP B-TREE FOR ORDER BY" not in told, told
    if wanted.has_days and not wanted.text:
        assert any("ix_payments_received_on (received_on" in step for step in told), told


def test_a_reference_is_looked_up_by_its_index(app: Flask) -> None:
    customer_id = make_customer()
    for _again in range(5):
        make_payment(customer_id, 100, transaction_ref="TX-1")
    make_payment(customer_id, 100)

    found = payments.same_reference(db.session(), "TX-1")

    assert [one.id for one in found] == [5, 4, 3]
    assert payments.same_reference(db.session(), "") == []
    told = steps(payments.select_list(db.session(), PaymentFilter(text="TX-1")))
    assert any("ix_payments_transaction_ref" in step for step in told), told


@pytest.mark.parametrize("select", [payments.select_paid, payments.select_not_due])
def test_what_the_payments_of_a_page_were_for_is_looked_up(
    app: Flask, select: Callable[[list[tuple[int, int]]], Select[Any]]
) -> None:
    customer = make_customer()
    keys = [(customer, make_payment(customer, 100)) for _time in range(3)]

    read = [step for step in steps(select(keys)) if "CONSTANT" not in step]

    assert [step for step in read if step.startswith("SCAN")] == []
