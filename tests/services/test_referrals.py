"""Referrals: both sides get credit once the first order is paid, each once, and nobody brings themselves."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flask import Flask

from creditapp.db import db, transact
from creditapp.errors import CustomerClosedError, CustomerNotFoundError, TakenError
from creditapp.jobs import referring
from creditapp.models import CreditAccount, Customer, Referral
from creditapp.services import credits, referrals
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    make_customer,
    make_promo,
    merge_customers,
    moment,
    new_key,
)
from tests.services.credit_log import log, lot
from tests.services.invoices.desk import cancel, pay, void
from tests.services.test_promos import order, refused

pytestmark = pytest.mark.money


@pytest.fixture(autouse=True)
def _on(app: Flask) -> None:
    change_settings(referrals_enabled=True, referred_minor=500, referrer_minor=700)


def person(name: str) -> int:
    return make_customer(name=name, email=f"{name}@customer.example")


def code_of(customer_id: int) -> str:
    return transact(referrals.code_of, customer_id)


def grant(customer_id: int) -> bool:
    return transact(referrals.grant, customer_id)


def found(customer_id: int) -> Referral:
    db.session.rollback()
    return db.session.get_one(Referral, customer_id, populate_existing=True)


def change(model: Any, customer_id: int, **fields: Any) -> None:  # noqa: ANN401
    def write(session: Any) -> None:  # noqa: ANN401  (a session)
        row = session.get_one(model, customer_id)
        for name, value in fields.items():
            setattr(row, name, value)

    transact(write)


def test_a_code_is_made_when_it_is_first_asked_for_and_stays(app: Flask) -> None:
    ada = person("ada")

    codes = {one for one in together([partial(code_of, ada) for _ in range(4)]) if isinstance(one, str)}

    assert codes == {code_of(ada)}
    [code] = codes
    assert len(code) == 8
    assert set(code.lower()) <= set(referrals.LETTERS)
    assert not set(code) & set("01OIL")
    with pytest.raises(CustomerNotFoundError):
        code_of(10**9)
    gone = make_customer(status="closed")
    with pytest.raises(CustomerClosedError):
        code_of(gone)


def test_both_sides_get_credit_when_the_first_order_is_paid(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")

    placed = order(ben, f" {code_of(ada).lower()} ")
    assert placed.brings is not None
    assert (placed.brings.amount_minor, placed.brings.referrer_minor, grant(ben)) == (500, 700, False)
    pay(ben, 4000, placed.invoice_id)

    assert transact(referrals.due) == [ben]
    assert (grant(ben), grant(ben), transact(referrals.due)) == (True, False, [])
    assert (log(ada), log(ben)) == ([("Referral Credit", 700)], [("Referral Credit", 500)])
    assert (lot(ada, 1).class_, lot(ben, 1).class_) == ("promotional", "promotional")
    assert found(ben).status == "granted"


def test_what_the_settings_said_when_it_was_ordered_holds(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))
    change_settings(referrals_enabled=False, referred_minor=1, referrer_minor=0)

    pay(ben, 4000, placed.invoice_id)
    grant(ben)

    assert (balance_of(ada), balance_of(ben)) == (700, 500)
    assert refused(partial(order, person("cleo"), code_of(ada))) == "Referral codes are not taken at present."


def test_one_side_may_get_nothing(app: Flask) -> None:
    change_settings(referred_minor=0)
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))

    pay(ben, 4000, placed.invoice_id)

    assert grant(ben)
    assert (balance_of(ada), log(ben)) == (700, [])


def test_nobody_brings_themselves(app: Flask) -> None:
    ada = person("ada")
    same_mail = make_customer(name="Ada again", email=" ÁDA@Customer.example ".strip().replace("Á", "A"))
    change(Customer, same_mail, email_key="ada@customer.example")
    merged, survivor = person("old"), person("new")
    old_code = code_of(merged)
    merge_customers(merged, into=survivor)

    for who, code in ((ada, code_of(ada)), (same_mail, code_of(ada)), (ada, code_of(same_mail)), (survivor, old_code)):
        assert refused(partial(order, who, code)).startswith("This is one's own referral code.")


def test_once_and_for_a_first_order_only(app: Flask) -> None:
    ada, ben, cleo = person("ada"), person("ben"), person("cleo")
    order(cleo, code="")
    assert refused(partial(order, cleo, code_of(ada))) == "A referral code is for a first order only."

    placed = order(ben, code_of(ada))
    assert "first order" in refused(partial(order, ben, code_of(cleo)))
    cancel(ben, placed.invoice_id)
    assert found(ben).status == "dropped"
    again = order(ben, code_of(cleo))
    pay(ben, 4000, again.invoice_id)
    grant(ben)

    assert (balance_of(ada), balance_of(cleo), balance_of(ben)) == (0, 700, 500)
    void(ben, again.invoice_id)  # what was given stays: staff reverse it where they want to
    assert (balance_of(cleo), balance_of(ben)) == (700, 4500)


def test_an_order_undone_before_anybody_got_anything_brings_nothing(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))
    pay(ben, 4000, placed.invoice_id)

    void(ben, placed.invoice_id)

    assert (grant(ben), balance_of(ada), balance_of(ben)) == (False, 0, 4000)


def test_who_was_merged_gets_it_as_who_they_are_now(app: Flask) -> None:
    ada, ben, heir = person("ada"), person("ben"), person("heir")
    placed = order(ben, code_of(ada))
    pay(ben, 4000, placed.invoice_id)
    merge_customers(ada, into=heir)

    assert grant(ben)
    assert (balance_of(heir), balance_of(ben), log(ada)) == (700, 500, [])


def test_who_became_one_gets_nothing(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))
    pay(ben, 4000, placed.invoice_id)
    merge_customers(ada, into=ben)

    assert not grant(ben)
    assert (found(ben).status, log(ben)) == ("dropped", [])


def test_a_closed_account_gets_nothing_and_the_other_side_does(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))
    pay(ben, 4000, placed.invoice_id)
    change(CreditAccount, ada, closed_at=moment())

    assert grant(ben)
    assert (balance_of(ada), balance_of(ben), found(ben).referrer_minor) == (0, 500, 0)


def test_staff_can_reverse_either_side(app: Flask) -> None:
    ada, ben = person("ada"), person("ben")
    placed = order(ben, code_of(ada))
    pay(ben, 4000, placed.invoice_id)
    grant(ben)

    transact(credits.reverse, ada, 1, by=actor(), key=new_key())

    assert (balance_of(ada), balance_of(ben)) == (0, 500)


def test_many_at_once_who_bring_each_other_in_a_circle_each_get_it_once(app: Flask) -> None:
    circle = [person(f"c{number}") for number in range(6)]
    codes = [code_of(one) for one in circle]
    for number, one in enumerate(circle):
        placed = order(one, codes[number - 1])
        pay(one, 4000, placed.invoice_id)

    ended = together([partial(grant, one) for one in circle] * 3)

    assert sorted(map(str, ended)) == [*["False"] * 12, *["True"] * 6]
    assert [balance_of(one) for one in circle] == [1200] * 6


def test_a_promo_code_that_reads_like_a_referral_code_is_refused(app: Flask) -> None:
    code = code_of(person("ada"))

    with pytest.raises(TakenError):
        make_promo(code)


def test_the_tick_grants_what_is_due_and_goes_on(app: Flask) -> None:
    ada = person("ada")
    friends = [person(f"friend{number}") for number in range(3)]
    for one in friends:
        pay(one, 4000, order(one, code_of(ada)).invoice_id)
    order(person("late"), code_of(ada))

    assert (referring.run(moment()), referring.run(moment())) == (3, 0)

    assert [balance_of(one) for one in (ada, *friends)] == [2100, 500, 500, 500]
