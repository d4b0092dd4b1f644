from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.errors import FormReusedError, ProductError, StaleFormError, TakenError
from creditapp.models import AuditDetails, AuditRow, Cycle, Product, ProductKind
from creditapp.services import products
from creditapp.services.products import ProductFields
from tests.crowd import together
from tests.factories import actor, make_product, new_key

VPS = ProductFields(
    name="VPS 4", kind=ProductKind.SERVER, price_minor=2_000, cycle=Cycle.MONTHLY, tax_bp=1_900, is_active=True
)

pytestmark = pytest.mark.money


def create(fields: ProductFields = VPS, key: str | None = None) -> int:
    return transact(products.create, fields, by=actor(), key=key or new_key())


def edit(product_id: int, fields: ProductFields, version: int = 1) -> None:
    transact(products.edit, product_id, fields, version=version, by=actor())


def found(product_id: int) -> Product:
    db.session.rollback()
    return db.session.get_one(Product, product_id, populate_existing=True)


def catalogue() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Product.name).order_by(Product.id)))


def acts() -> list[tuple[str, int | None, dict[str, Any] | None]]:
    db.session.rollback()
    columns = select(AuditRow.action, AuditRow.object_id, AuditDetails.details).join(AuditDetails)
    statement = columns.where(AuditRow.object_kind == "product").order_by(AuditRow.seq)
    return [(action, object_id, details) for action, object_id, details in db.session.execute(statement)]


def test_a_new_product_is_kept_as_it_was_typed_and_audited(app: Flask) -> None:
    product = found(create())

    assert (product.name, product.kind, product.price_minor, product.cycle) == ("VPS 4", "server", 2_000, "monthly")
    assert (product.tax_bp, product.is_credit_automatic, product.is_active, product.version) == (1_900, True, True, 1)
    [(action, object_id, details)] = acts()
    assert (action, object_id) == ("product_created", product.id)
    assert details is not None
    assert details["after"]["price_minor"] == 2_000


def test_the_same_form_adds_one_product(app: Flask) -> None:
    assert create(key="one-form-sent-twice") == create(key="one-form-sent-twice")

    assert catalogue() == ["VPS 4"]
    assert len(acts()) == 1
    with pytest.raises(FormReusedError):
        create(replace(VPS, name="VPS 8"), key="one-form-sent-twice")


def test_a_crowd_of_clicks_adds_one_product(app: Flask) -> None:
    by = actor()
    click = partial(transact, products.create, VPS, by=by, key=new_key())

    assert len(set(together([click] * 8))) == 1
    assert catalogue() == ["VPS 4"]


@pytest.mark.parametrize("name", ["vps 4", "VPS\u00a04", "Vp\u0301s 4", "VPS\u200d 4"])
def test_a_name_that_reads_like_another_is_taken(app: Flask, name: str) -> None:
    create()
    with pytest.raises(TakenError):
        create(replace(VPS, name=name))

    other = create(replace(VPS, name="VPS 8"))
    with pytest.raises(TakenError):
        edit(other, replace(VPS, name=name))
    assert catalogue() == ["VPS 4", "VPS 8"]


def test_two_people_cannot_add_the_same_name_at_once(app: Flask) -> None:
    by = actor()

    outcomes = together([partial(transact, products.create, VPS, by=by, key=new_key()) for _ in range(6)])

    assert [type(one) for one in outcomes].count(TakenError) == 5
    assert catalogue() == ["VPS 4"]


def test_an_edit_is_audited_with_what_was_so_before(app: Flask) -> None:
    product_id = create()

    edit(product_id, replace(VPS, price_minor=2_500, is_credit_automatic=False))

    assert (found(product_id).price_minor, found(product_id).version) == (2_500, 2)
    action, object_id, details = acts()[-1]
    assert (action, object_id) == ("product_edited", product_id)
    assert details is not None
    assert details["before"] == {"price_minor": 2_000, "is_credit_automatic": True}
    assert details["after"] == {"price_minor": 2_500, "is_credit_automatic": False}


def test_a_product_may_change_the_capitals_of_its_own_name(app: Flask) -> None:
    product_id = create()

    edit(product_id, replace(VPS, name="vps 4"))

    assert found(product_id).name == "vps 4"


def test_the_same_edit_sent_twice_is_saved_once(app: Flask) -> None:
    product_id = create()
    fields = replace(VPS, price_minor=2_500)

    edit(product_id, fields)
    edit(product_id, fields)

    assert found(product_id).version == 2
    assert len(acts()) == 2


def test_an_edit_that_changes_nothing_writes_nothing(app: Flask) -> None:
    product_id = create()

    edit(product_id, VPS)

    assert found(product_id).version == 1
    assert len(acts()) == 1


def test_the_second_of_two_tabs_is_refused(app: Flask) -> None:
    product_id = create()
    edit(product_id, replace(VPS, price_minor=2_500))

    with pytest.raises(StaleFormError):
        edit(product_id, replace(VPS, price_minor=9_900))

    assert found(product_id).price_minor == 2_500


def test_of_a_crowd_of_tabs_one_is_saved(app: Flask) -> None:
    product_id, by = make_product("VPS 4"), actor()
    changes = [replace(VPS, price_minor=100 * number) for number in range(1, 7)]

    outcomes = together([partial(transact, products.edit, product_id, fields, version=1, by=by) for fields in changes])

    assert [type(one) for one in outcomes].count(StaleFormError) == 5
    assert found(product_id).version == 2


def test_a_product_that_never_was_is_refused(app: Flask) -> None:
    with pytest.raises(ProductError):
        edit(10**9, VPS)

    assert db.session.execute(select(func.count()).select_from(Product)).scalar_one() == 0
