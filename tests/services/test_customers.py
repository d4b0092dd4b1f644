"""Customers: opened once, edited with care."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.errors import (
    CustomerClosedError,
    CustomerNotFoundError,
    FormReusedError,
    StaleFormError,
    TakenError,
)
from creditapp.models import AuditDetails, AuditRow, CreditAccount, Customer, CustomerStatus
from creditapp.services import customers
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.customers import CustomerFields
from tests.factories import balance_of, make_customer, new_key

ZOE = CustomerFields(
    name="Zoë Castillo",
    company="Kite & Anchor",
    email="Zoe@kite.example",
    external_id="1108",
    joined_on=date(2024, 3, 1),
)


def _open(fields: CustomerFields = ZOE, *, key: str | None = None, by: Actor = SYSTEM) -> int:
    return transact(customers.create, fields, by=by, key=key or new_key())


def _edit(customer_id: int, fields: CustomerFields, *, version: int = 1) -> None:
    transact(customers.edit, customer_id, fields, version=version, by=Actor("staff", 1, "192.0.2.1"))


def _get(customer_id: int) -> Customer:
    db.session.rollback()
    return db.session.get_one(Customer, customer_id, populate_existing=True)


def _acts() -> list[tuple[str, dict[str, Any] | None]]:
    db.session.rollback()
    statement = select(AuditRow.action, AuditDetails.details).join(AuditDetails, AuditDetails.seq == AuditRow.seq)
    return [(action, details) for action, details in db.session.execute(statement.order_by(AuditRow.seq))]


@pytest.mark.money
def test_a_new_customer_has_an_empty_account(app: Flask) -> None:
    customer_id = _open()

    assert balance_of(customer_id) == 0
    assert _get(customer_id).name == "Zoë Castillo"
    assert _get(customer_id).status == "active"


def test_a_new_customer_is_found_by_folded_words(app: Flask) -> None:
    customer = _get(_open())

    assert customer.name_key == "zoe castillo"
    assert customer.email_key == "zoe@kite.example"
    assert customer.search_key == "zoe castillo kite & anchor zoe@kite.example 1108"


@pytest.mark.money
def test_a_double_click_makes_one_customer(app: Flask) -> None:
    key = new_key()

    assert _open(key=key) == _open(key=key)

    assert db.session.execute(select(func.count()).select_from(Customer)).scalar_one() == 1
    assert [action for action, _details in _acts()] == ["customer_created"]


@pytest.mark.money
def test_ten_clicks_at_once_make_one_customer(app: Flask) -> None:
    key = new_key()

    def click(_number: int) -> int:
        with app.app_context():
            return _open(key=key)

    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(click, range(10)))

    assert len(ids) == 1
    assert db.session.execute(select(func.count()).select_from(CreditAccount)).scalar_one() == 1


def test_a_key_is_good_for_one_customer(app: Flask) -> None:
    key = new_key()
    _open(key=key)

    with pytest.raises(FormReusedError, match="already sent once"):
        _open(replace(ZOE, name="Somebody Else", external_id="2"), key=key)


@pytest.mark.money
def test_an_external_id_belongs_to_one_customer(app: Flask) -> None:
    _open()

    with pytest.raises(TakenError, match="The external id “1108” is taken"):
        _open(replace(ZOE, name="Another"))

    assert db.session.execute(select(func.count()).select_from(CreditAccount)).scalar_one() == 1


def test_emails_may_be_shared_and_external_ids_left_out(app: Flask) -> None:
    first, second = (_open(replace(ZOE, external_id=None)) for _ in range(2))

    assert first != second


@pytest.mark.money
def test_an_edit_changes_the_profile_and_what_searches_see(app: Flask) -> None:
    customer_id = _open()

    _edit(customer_id, replace(ZOE, name="Chloé", status=CustomerStatus.INACTIVE))

    customer = _get(customer_id)
    assert (customer.name, customer.name_key, customer.status) == ("Chloé", "chloe", "inactive")
    assert customer.version == 2


def test_an_edit_is_audited_with_what_was_and_what_is(app: Flask) -> None:
    customer_id = _open()

    _edit(customer_id, replace(ZOE, name="Chloé"))

    assert _acts()[-1] == (
        "customer_edited",
        {"address": "192.0.2.1", "before": {"name": "Zoë Castillo"}, "after": {"name": "Chloé"}},
    )


def test_saving_what_is_there_already_writes_nothing(app: Flask) -> None:
    customer_id = _open()

    _edit(customer_id, ZOE)

    assert _get(customer_id).version == 1
    assert [action for action, _details in _acts()] == ["customer_created"]


@pytest.mark.money
def test_a_form_that_was_opened_before_somebody_else_saved_is_refused(app: Flask) -> None:
    customer_id = _open()
    _edit(customer_id, replace(ZOE, company="Kite Ltd"))

    with pytest.raises(StaleFormError, match="Somebody else changed this user"):
        _edit(customer_id, replace(ZOE, name="Chloé"), version=1)

    assert _get(customer_id).name == "Zoë Castillo"


def test_an_edit_cannot_take_anothers_external_id(app: Flask) -> None:
    _open()
    other = _open(replace(ZOE, external_id="2"))

    with pytest.raises(TakenError, match="1108"):
        _edit(other, replace(ZOE, name="Chloé"))

    assert _get(other).name == "Zoë Castillo"


@pytest.mark.parametrize("status", [CustomerStatus.CLOSED])
def test_a_closed_customer_is_not_edited(app: Flask, status: CustomerStatus) -> None:
    customer_id = make_customer(status=str(status))

    with pytest.raises(CustomerClosedError):
        _edit(customer_id, ZOE)


def test_a_customer_who_is_not_there_is_not_edited(app: Flask) -> None:
    with pytest.raises(CustomerNotFoundError):
        _edit(404, ZOE)


@pytest.mark.parametrize("status", [CustomerStatus.MERGED, CustomerStatus.CLOSED])
def test_nobody_is_merged_or_closed_by_hand(app: Flask, status: CustomerStatus) -> None:
    with pytest.raises(ValueError, match="not set by hand"):
        _open(replace(ZOE, status=status))
