"""Promo codes in orders: what they bring, how often, to whom, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact, transact_at
from creditapp.errors import CodeError, FormReusedError, StaleFormError, TakenError
from creditapp.models import Invoice, PromoCode, PromoUse
from creditapp.money import BALANCE_MINOR_MAX
from creditapp.services import checkout, credits, ledger, numbers, promos
from creditapp.services.actor import SYSTEM
from creditapp.services.checkout import OrderLine, Placed
from creditapp.services.promos import PromoFields
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_customer,
    make_invoice,
    make_product,
    make_promo,
    merge_customers,
    new_key,
)
from tests.services.credit_log import log, lot
from tests.services.invoices.desk import actions, cancel, pay, refund, take_off, use, void

pytestmark = pytest.mark.money

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def order(customer_id: int, code: str = "spring-25", price_minor: int = 4000, **given: Any) -> Placed:  # noqa: ANN401
    at = given.pop("at", MOMENT)
    chosen: dict[str, Any] = {"use_credit": False, "by": actor(), "key": new_key()} | given
    return transact_at(
        at,
        checkout.place,
        customer_id,
        transact(numbers.reserve, "invoices"),
        [OrderLine(product_id=make_product(price_minor=price_minor))],
        first_subscription_id=transact(numbers.reserve, "subscriptions"),
        code=code,
        **chosen,
    )


def promo(promo_id: int) -> PromoCode:
    db.session.rollback()
    return db.session.get_one(PromoCode, promo_id, populate_existing=True)


def uses(promo_id: int) -> tuple[int, list[str]]:
    """Return how often the code counts itself used, and what became of each use."""
    counted = promo(promo_id).uses
    statement = select(PromoUse.status).filter_by(promo_code_id=promo_id).order_by(PromoUse.invoice_id)
    return counted, list(db.session.execute(statement).scalars())


def refused(work: Callable[[], object]) -> str:
    """Return why the order is refused; nothing is ordered then."""
    before = db.session.scalar(select(func.count()).select_from(Invoice))
    db.session.rollback()
    with pytest.raises(CodeError) as error:
        work()
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == before
    return error.value.problem


def test_a_code_brings_promotional_credit_at_once(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo(days_to_expiry=30)

    placed = order(person, " SPRING-25 ")

    assert placed.brings is not None
    assert (placed.brings.amount_minor, placed.brings.last_day) == (1000, date(2026, 3, 2))
    assert log(person) == [("Promo Code Spring-25", 1000)]
    made = lot(person, 1)
    assert (made.class_, made.expires_at) == ("promotional", datetime(2026, 3, 3, tzinfo=UTC))
    assert uses(promo_id) == (1, ["granted"])


def test_what_it_brings_at_once_can_pay_for_the_order(app: Flask) -> None:
    person = make_customer(500)
    make_promo()

    placed = order(person, use_credit=True)

    assert (placed.credit_minor, placed.to_pay_minor, balance_of(person)) == (1500, 2500, 0)


@pytest.mark.parametrize("how", ["money", "credit", "checkout", "overpaid"])
def test_it_comes_when_the_order_is_paid_however_that_is_done(app: Flask, how: str) -> None:
    person, promo_id = make_customer(), make_promo(grants_when_paid=True)
    if how == "checkout":
        give(person, 4000)
    placed = order(person, use_credit=how == "checkout")

    if how in {"money", "overpaid"}:
        assert uses(promo_id) == (1, ["pending"])
        pay(person, 1500, placed.invoice_id)
        assert uses(promo_id) == (1, ["pending"])
        pay(person, 2500 if how == "money" else 2600, placed.invoice_id)
    elif how == "credit":
        give(person, 4000)
        use(person, placed.invoice_id)

    assert ("Promo Code Spring-25", 1000) in log(person)
    assert balance_of(person) == (1100 if how == "overpaid" else 1000)
    assert uses(promo_id) == (1, ["granted"])


def test_an_order_that_is_opened_again_and_paid_again_brings_it_once(app: Flask) -> None:
    person = make_customer(4000)
    make_promo(grants_when_paid=True)
    placed = order(person, use_credit=True)

    take_off(person, placed.invoice_id)
    pay(person, 4000, placed.invoice_id)
    pay(person, 4000, placed.invoice_id)

    assert [words for words, _minor in log(person)].count("Promo Code Spring-25") == 1


def test_a_part_of_the_order_is_rounded_half_up_and_has_a_most(app: Flask) -> None:
    brought = {
        (1000, None, 4000): 400,
        (1250, None, 4004): 501,  # 500.5
        (1, None, 5000): 1,  # 0.5
        (1, None, 4999): 0,
        (3333, None, 100): 33,
        (5000, None, 1): 1,
        (10_000, None, 4000): 4000,
        (1000, 300, 4000): 300,
        (1000, 300, 2999): 300,
        (1000, 300, 2990): 299,
    }
    for number, ((percent_bp, most_minor, total_minor), minor) in enumerate(brought.items()):
        person, code = make_customer(), f"code-{number}"
        make_promo(code, percent_bp=percent_bp, most_minor=most_minor)
        placing = partial(order, person, code, price_minor=total_minor)
        if minor == 0:
            assert "brings nothing" in refused(placing)
        else:
            placing()
        assert balance_of(person) == minor


def test_days_are_those_of_the_panel(app: Flask) -> None:
    person = make_customer()
    change_settings(time_zone="Pacific/Auckland")  # 13 hours ahead
    make_promo(starts_on=date(2026, 2, 1), ends_on=date(2026, 2, 1), once_per_customer=False)

    assert "from 2026-02-01 on" in refused(partial(order, person, at=datetime(2026, 1, 31, 10, 59, tzinfo=UTC)))
    order(person, at=datetime(2026, 1, 31, 11, tzinfo=UTC))
    order(person, at=datetime(2026, 2, 1, 10, 59, tzinfo=UTC))
    assert "until 2026-02-01" in refused(partial(order, person, at=datetime(2026, 2, 1, 11, tzinfo=UTC)))


def test_a_code_that_nobody_has_made_is_refused(app: Flask) -> None:
    person = make_customer()
    make_promo()

    for typed in ("nothing", "x" * 5000, "\u0130\u017f", "' OR 1=1 --", " ", "spring-2 6"):
        assert refused(partial(order, person, typed)).startswith("There is no code “")


def test_codes_are_not_taken_where_they_bring_nothing(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo()

    assert refused(partial(order, person, price_minor=0)) == "An order of nothing brings no credit."
    change_settings(credits_enabled=False)
    assert refused(partial(order, person)).startswith("Credits are switched off")
    change_settings(credits_enabled=True)
    transact(promos.switch_off, promo_id, by=actor())
    transact(promos.switch_off, promo_id, by=actor())
    assert refused(partial(order, person)) == "The code Spring-25 is not taken any more."


def test_once_per_customer_and_whoever_was_merged_into_them(app: Flask) -> None:
    person, other, merged = make_customer(), make_customer(), make_customer()
    make_promo()
    order(merged)
    merge_customers(merged, into=person)

    assert refused(partial(order, person)) == "The code Spring-25 can be used once only, and has been."
    order(other)
    assert "once only" in refused(partial(order, other))


def test_a_first_order_is_the_first_that_stands(app: Flask) -> None:
    person = make_customer()
    make_promo(first_order_only=True, once_per_customer=False, grants_when_paid=True)
    make_invoice(person)  # no order
    placed = order(person)

    assert refused(partial(order, person)) == "The code Spring-25 is for a first order only."
    cancel(person, placed.invoice_id)
    again = order(person)
    pay(person, 4000, again.invoice_id)
    refund(person, again.invoice_id)
    assert "first order" in refused(partial(order, person))


def test_one_code_per_order_and_the_form_once(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo(once_per_customer=False)
    product = make_product(price_minor=4000)

    def place(code: str = "spring-25") -> Placed:
        return transact(
            checkout.place,
            person,
            transact(numbers.reserve, "invoices"),
            [OrderLine(product_id=product)],
            first_subscription_id=transact(numbers.reserve, "subscriptions"),
            use_credit=False,
            code=code,
            by=actor(),
            key="the-form",
        )

    assert [place().replayed, place().replayed] == [False, True]
    with pytest.raises(FormReusedError):
        place("other")
    assert (uses(promo_id), balance_of(person)) == ((1, ["granted"]), 1000)


@pytest.mark.parametrize("when_paid", [True, False])
def test_cancelled_before_it_is_paid_it_brings_nothing_and_can_be_used_again(app: Flask, when_paid: bool) -> None:
    person, promo_id = make_customer(), make_promo(uses_max=1, grants_when_paid=when_paid)
    placed = order(person, use_credit=True)

    cancel(person, placed.invoice_id)
    cancel(person, placed.invoice_id)

    assert (balance_of(person), uses(promo_id)) == (0, (0, ["dropped"]))
    if not when_paid:
        assert log(person)[-1] == (f"Void of CR-{person}-1", -1000)
    order(person)
    assert uses(promo_id)[0] == 1


def test_what_was_spent_elsewhere_stays_spent_and_so_does_the_use(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo()
    placed = order(person)
    use(person, make_invoice(person, 300))

    cancel(person, placed.invoice_id)

    assert log(person)[-1] == (f"Void of CR-{person}-1", -700)
    assert (balance_of(person), uses(promo_id)) == (0, (1, ["granted"]))
    assert "once only" in refused(partial(order, person))


def test_what_staff_have_reversed_was_not_spent(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo()
    placed = order(person)
    transact(credits.reverse, person, 1, 400, by=actor(), key=new_key())

    cancel(person, placed.invoice_id)

    assert (balance_of(person), uses(promo_id)) == (0, (0, ["dropped"]))


@pytest.mark.parametrize("undo", [void, refund])
def test_a_paid_order_that_is_undone_takes_back_what_is_unspent(app: Flask, undo: Callable[..., object]) -> None:
    person, promo_id = make_customer(), make_promo(grants_when_paid=True)
    placed = order(person)
    pay(person, 4000, placed.invoice_id)

    undo(person, placed.invoice_id)

    assert balance_of(person) == 4000
    assert uses(promo_id) == (0, ["dropped"])


def test_an_order_is_paid_although_its_credit_does_not_fit_the_balance(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo(grants_when_paid=True)
    placed = order(person)
    for _ in range(10):
        give(person, BALANCE_MINOR_MAX // 10)

    recorded = pay(person, 4000, placed.invoice_id)

    assert recorded.paid == (placed.invoice_id,)
    assert uses(promo_id) == (0, ["dropped"])
    assert actions(person, placed.invoice_id)[-2:] == ["payment_received", "promo_dropped"]
    assert balance_of(person) == BALANCE_MINOR_MAX
    give(person, -4000)
    transact(_grant, person, placed.invoice_id)
    assert uses(promo_id) == (0, ["dropped"])


def test_what_did_not_fit_when_it_was_ordered_comes_when_the_order_is_paid(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo(grants_when_paid=False)
    for _ in range(10):
        give(person, BALANCE_MINOR_MAX // 10)
    placed = order(person)
    assert uses(promo_id) == (1, ["pending"])
    give(person, -9000)

    pay(person, 4000, placed.invoice_id)

    assert uses(promo_id) == (1, ["granted"])
    assert "promo_dropped" not in actions(person, placed.invoice_id)


def test_sixteen_at_once_for_the_last_use_and_one_wins(app: Flask) -> None:
    people, promo_id = [make_customer() for _ in range(16)], make_promo(uses_max=1)

    ended = together([partial(order, person) for person in people])

    assert sorted(type(one).__name__ for one in ended) == [*["CodeError"] * 15, "Placed"]
    assert (uses(promo_id), sum(map(balance_of, people))) == ((1, ["granted"]), 1000)


def test_one_customer_in_many_tabs_uses_it_once(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo()

    ended = together([partial(order, person) for _ in range(8)])

    assert sorted(type(one).__name__ for one in ended) == [*["CodeError"] * 7, "Placed"]
    assert (uses(promo_id), balance_of(person)) == ((1, ["granted"]), 1000)


def test_paid_and_cancelled_at_once_ends_as_one_of_both(app: Flask) -> None:
    promo_id = make_promo(grants_when_paid=True)
    for _ in range(3):
        person = make_customer()
        placed = order(person)

        works: list[Callable[[], object]] = [
            partial(pay, person, 4000, placed.invoice_id),
            partial(cancel, person, placed.invoice_id),
        ]
        together(works * 3)

        assert balance_of(person) in {4000 * 3, 4000 * 2 + 1000}
    assert uses(promo_id)[0] == uses(promo_id)[1].count("granted")


def test_what_staff_change_meanwhile_does_not_slip_through(app: Flask) -> None:
    person, promo_id = make_customer(), make_promo()
    offer = transact(promos.check, person, "spring-25", 4000)
    transact(promos.edit, promo_id, _fields(promo_id, amount_minor=1), version=1, by=actor())

    assert transact(promos.check, person, "spring-25", 4000).amount_minor == 1
    with pytest.raises(CodeError, match="just been used up or changed"):
        transact(_use, person, offer)
    assert uses(promo_id) == (0, [])


def test_a_code_is_edited_under_its_version_and_keeps_its_name_once_used(app: Flask) -> None:
    promo_id = make_promo()
    fields = _fields(promo_id, code="Summer", uses_max=2)
    transact(promos.edit, promo_id, fields, version=1, by=actor())
    transact(promos.edit, promo_id, fields, version=1, by=actor())  # the same form again

    with pytest.raises(StaleFormError):
        transact(promos.edit, promo_id, replace(fields, uses_max=3), version=1, by=actor())
    for _ in range(2):
        order(make_customer(), "summer")
    with pytest.raises(CodeError, match="stays what it is called"):
        transact(promos.edit, promo_id, replace(fields, code="Autumn"), version=2, by=actor())
    with pytest.raises(CodeError, match="used 2 times already"):
        transact(promos.edit, promo_id, replace(fields, uses_max=1), version=2, by=actor())


def test_fields_that_make_no_code_are_refused(app: Flask) -> None:
    days: dict[str, Any] = {"starts_on": date(2026, 2, 2), "ends_on": date(2026, 2, 1)}
    codes: list[dict[str, Any]] = [
        {"code": code} for code in ("", "ab", "-abc", "a b c", "x" * 41, "CODE%", "K\u00f6ln")
    ]
    for wrong in (*codes, {"amount_minor": None}, {"percent_bp": 100}, {"most_minor": 5}, days):
        given: dict[str, Any] = {"code": "Spring", "amount_minor": 100, **wrong}
        with pytest.raises(CodeError):
            transact(promos.create, PromoFields(**given), by=actor(), key=new_key())
    assert db.session.scalar(select(func.count()).select_from(PromoCode)) == 0


def test_two_codes_do_not_read_the_same(app: Flask) -> None:
    make_promo("Spring")

    with pytest.raises(TakenError):
        make_promo("SPRING")


def _fields(promo_id: int, **changed: Any) -> PromoFields:  # noqa: ANN401  (of `PromoFields`)
    row = promo(promo_id)
    return PromoFields(**({name: getattr(row, name) for name in PromoFields.__dataclass_fields__} | changed))


def _use(session: Any, customer_id: int, offer: Any) -> None:  # noqa: ANN401
    account, panel, _rest = ledger.open_account(session, customer_id, "", (), debit=False)
    promos.use(session, account, panel, 1, offer, by=SYSTEM)


def _grant(session: Any, customer_id: int, invoice_id: int) -> None:  # noqa: ANN401
    account, panel, _rest = ledger.open_account(session, customer_id, "", (), debit=False)
    promos.grant(session, account, panel, invoice_id)
