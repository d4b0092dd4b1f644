"""Nobody who works here moves credit on the account they have as a customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from creditapp.db import db, transact
from creditapp.errors import OwnAccountError
from creditapp.models import AuditRow, Customer, CustomerStatus, Role, Staff
from creditapp.services import checkout, credits, freezing, invoices, numbers, payments, refunds, self_dealing
from creditapp.services.actor import SYSTEM, Actor
from tests.browser import Browser
from tests.factories import (
    StaffMember,
    balance_of,
    close_customer,
    give,
    make_customer,
    make_invoice,
    make_payment,
    make_product,
    make_promo,
    make_staff,
    new_key,
    reason_named,
)
from tests.services.batches import desk

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]


def link(person: StaffMember, customer_id: int) -> None:
    transact(
        lambda session: session.execute(update(Staff).where(Staff.id == person.id).values(own_customer_id=customer_id))
    )


def verbs(customer_id: int, other_id: int) -> dict[str, Callable[..., Any]]:
    """Every way in which a person moves credit, to be called with who does it."""
    entry, invoice_id, payment_id = give(customer_id, 700), make_invoice(customer_id), make_payment(customer_id, 500)
    reason_id, key, product_id = reason_named("Courtesy"), new_key, make_product()
    make_promo("Spring-25")

    def number(noun: str) -> int:
        return transact(numbers.reserve, noun)

    def move(giver_id: int, taker_id: int, by: Actor) -> object:
        return transact(credits.transfer, giver_id, taker_id, 10, reason_id=reason_id, by=by, key=key())

    def record(by: Actor) -> object:
        terms: dict[str, Any] = {"method": "bank", "received_on": date(2026, 3, 1), "by": by, "key": key()}
        return transact(payments.record, customer_id, number("payments"), 100, **terms)

    def order(by: Actor) -> object:
        lines = [checkout.OrderLine(product_id=product_id)]
        terms: dict[str, Any] = {"first_subscription_id": number("subscriptions"), "use_credit": False}
        invoice = number("invoices")
        return transact(checkout.place, customer_id, invoice, lines, code="Spring-25", by=by, key=key(), **terms)

    return {
        "promo code": order,
        "adjust": lambda by: transact(credits.adjust, customer_id, 100, reason_id=reason_id, by=by, key=key()),
        "set balance": lambda by: transact(
            credits.set_balance,
            customer_id,
            balance_of(customer_id) + 5,
            seen_minor=balance_of(customer_id),
            reason_id=reason_id,
            by=by,
            key=key(),
        ),
        "reverse": lambda by: transact(credits.reverse, customer_id, entry.seq, by=by, key=key()),
        "apply": lambda by: transact(credits.apply, customer_id, invoice_id, 10, by=by, key=key()),
        "unapply": lambda by: transact(credits.unapply, customer_id, invoice_id, by=by, key=key()),
        "transfer out": lambda by: move(customer_id, other_id, by),
        "transfer in": lambda by: move(other_id, customer_id, by),
        "payment": record,
        "refund": lambda by: transact(
            refunds.request_of_credit, customer_id, number("refunds"), payment_id, 10, by=by, key=key()
        ),
        "freeze": lambda by: transact(freezing.freeze, customer_id, "Disputed", by=by),
        "release": lambda by: transact(freezing.release, customer_id, by=by),
        "close": lambda by: transact(invoices.cancel, customer_id, invoice_id, by=by, key=key()),
    }


def test_no_verb_moves_credit_on_ones_own_account_and_a_colleague_may() -> None:
    person, other = make_staff(name="Ada Okafor"), make_customer(1000)
    own = make_customer()
    acts = verbs(own, other)
    link(person, own)
    before = balance_of(own)

    for name, act in acts.items():
        with pytest.raises(OwnAccountError) as refused:
            act(person.actor)
        assert refused.value.sentence(str).startswith(f"User #{own} is you"), name

    assert balance_of(own) == before
    for name in ("adjust", "transfer in"):
        acts[name](make_staff().actor)
    assert balance_of(own) == before + 110


@pytest.mark.parametrize("how", ["said", "same email", "merged into"])
def test_whose_account_is_ones_own(how: str) -> None:
    person = make_staff(email="ada@kite.example")
    email = "ADA@kite.example" if how == "same email" else "somebody@kite.example"
    own, other = make_customer(email=email), make_customer(email="ada@kite.example.org")
    if how == "said":
        link(person, own)
    elif how == "merged into":
        before = make_customer(email="ada@before.example")
        link(person, before)
        close_customer(before)
        merged = {"status": str(CustomerStatus.MERGED), "merged_into_id": own}
        transact(lambda session: session.execute(update(Customer).where(Customer.id == before).values(merged)))

    with pytest.raises(OwnAccountError):
        transact(self_dealing.refuse, person.actor, other, own)
    transact(self_dealing.refuse, person.actor, other)
    transact(self_dealing.refuse, SYSTEM, own)
    assert own in transact(self_dealing.own_accounts, person.actor)
    assert other not in transact(self_dealing.own_accounts, person.actor)


def test_who_tries_reads_why_and_is_written_down(browser: Browser) -> None:
    person, own = make_staff(Role.MANAGER), make_customer(1000)
    link(person, own)
    browser.sign_in(person)

    page = browser.submit(f"/admin/users/{own}", amount="5.00", note="For me", reason=reason_named("Courtesy"))

    assert (page.status, page.value("amount")) == (422, "5.00")
    assert page.summary == [f"User #{own} is you: nobody moves credit on their own account. Ask a colleague."]
    [refused] = db.session.scalars(select(AuditRow).where(AuditRow.action == "refused"))
    assert (refused.actor_id, refused.object_kind, refused.object_id) == (person.id, "customer", own)


def test_a_batch_credits_everybody_but_who_issued_it() -> None:
    person, other, own = make_staff(), make_customer(), make_customer()
    link(person, own)
    batch_id = desk.make_batch([(other, 500), (own, 700)])

    desk.issue(batch_id, 2, by=person.actor)

    assert (balance_of(own), balance_of(other)) == (0, 500)
    refusal = f"User #{own} is you: nobody moves credit on their own account. Ask a colleague."
    assert [line.outcome for line in desk.lines_of(batch_id)] == ["", refusal]
