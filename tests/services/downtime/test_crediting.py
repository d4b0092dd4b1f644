"""Crediting one subscription: posted as shown, once for an incident, within what the person may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from creditapp.db import Base, db, transact
from creditapp.errors import (
    AlreadyCreditedError,
    AuthorityLimitError,
    DowntimeAmountError,
    DowntimeRepeatedError,
    DowntimeTooLongError,
    IncidentError,
    IncidentNotFoundError,
    KeyReusedError,
    PolicyError,
    SubscriptionNotFoundError,
)
from creditapp.models import CreditEntry, CreditLot, DowntimePolicy, Incident, Role
from creditapp.services import credits
from creditapp.services.downtime import crediting, durations
from creditapp.services.downtime.crediting import Ask
from creditapp.services.ledger import Entry
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    limit_role,
    make_customer,
    make_product,
    make_staff,
    make_subscription,
    new_key,
)

TEN_TIMES = 2
pytestmark = pytest.mark.usefixtures("app")


def make_incident(title: str = "Power cut in Frankfurt", *, dismissed: bool = False) -> int:
    moment = datetime(2026, 11, 3, 10, tzinfo=UTC)

    def write(session: Session) -> int:
        row = insert(Base.metadata.tables["incidents"]).values(
            title=title,
            starts_at=moment,
            customer_note="We are sorry.",
            credit_round=1,
            dismissed_at=moment if dismissed else None,
            search_key=title.casefold(),
        )
        number: int = session.execute(row.returning(Incident.id)).scalar_one()
        return number

    return transact(write)


def down(customer_id: int, **fields: Any) -> Ask:  # noqa: ANN401  (of `Ask`)
    product_id = make_product("VPS M", price_minor=2_400)
    subscription_id = make_subscription(customer_id, product_id, label="web07.example")
    asked = Ask(
        subscription_id=subscription_id,
        policy_id=TEN_TIMES,
        duration=durations.parse("3 h 20 min"),
        on=date(2026, 11, 3),
    )
    return replace(asked, **fields)


def credit(customer_id: int, ask: Ask, seen_minor: int | None = 111, **fields: Any) -> Entry:  # noqa: ANN401  (of `crediting.credit`)
    given: dict[str, Any] = {"by": actor(), "key": new_key(), **fields}
    return transact(crediting.credit, customer_id, ask, seen_minor=seen_minor, **given)


def row(entry: Entry) -> CreditEntry:
    db.session.rollback()
    return db.session.scalars(select(CreditEntry).where(CreditEntry.seq == entry.seq)).one()


def test_what_was_shown_is_posted_with_the_exact_words() -> None:
    customer_id = make_customer()
    ask = down(customer_id)

    entry = credit(customer_id, ask, note="Ticket 88213")

    posted = row(entry)
    assert (posted.kind, posted.amount_minor, posted.subscription_id) == ("downtime", 111, ask.subscription_id)
    assert posted.description == f"Downtime Credit: Outage, 3 h 20 min, VPS M #{ask.subscription_id}"
    assert db.session.scalars(select(CreditLot.class_)).one() == "goodwill"


@pytest.mark.money
def test_an_incident_gives_its_title_its_words_and_its_key() -> None:
    customer_id = make_customer()
    ask = down(customer_id, incident_id=make_incident())

    posted = row(credit(customer_id, ask))

    assert posted.description == f"Downtime Credit: Power cut in Frankfurt, 3 h 20 min, VPS M #{ask.subscription_id}"
    assert posted.key == f"downtime:{ask.incident_id}:{ask.subscription_id}:1"
    assert posted.incident_id == ask.incident_id


@pytest.mark.money
def test_the_same_form_credits_once_with_an_incident_and_without_one() -> None:
    customer_id = make_customer()
    ask = down(customer_id)
    linked = replace(ask, incident_id=make_incident())

    for one in (ask, linked):
        first = credit(customer_id, one, key="one-form-sent-twice", repeat_ok=True)
        again = credit(customer_id, one, key="one-form-sent-twice", repeat_ok=True)
        assert (again.seq, again.replayed) == (first.seq, True)
    with pytest.raises(KeyReusedError):
        credit(customer_id, ask, key="one-form-sent-twice", note="Another", repeat_ok=True)


@pytest.mark.money
def test_no_subscription_is_credited_twice_for_an_incident() -> None:
    customer_id = make_customer()
    ask = down(customer_id, incident_id=make_incident())
    entry = credit(customer_id, ask)

    with pytest.raises(AlreadyCreditedError) as refusal:
        credit(customer_id, ask, repeat_ok=True)

    assert refusal.value.sentence(str) == (
        f"{entry.reference} has credited this subscription for “Power cut in Frankfurt” already."
    )


@pytest.mark.money
def test_what_one_batch_took_back_does_not_let_a_subscription_be_credited_again() -> None:
    customer_id = make_customer()
    ask = down(customer_id, incident_id=make_incident())
    entry = credit(customer_id, ask)
    transact(_begin_a_new_round, ask.incident_id or 0)

    with pytest.raises(AlreadyCreditedError) as refusal:
        credit(customer_id, ask, repeat_ok=True)

    assert refusal.value.reference == entry.reference
    transact(credits.reverse, customer_id, entry.seq, by=actor(), key=new_key())
    assert not credit(customer_id, ask, repeat_ok=True).replayed
    assert balance_of(customer_id) == 111


def _begin_a_new_round(session: Session, incident_id: int) -> None:
    session.execute(update(Incident).where(Incident.id == incident_id).values(credit_round=2))


@pytest.mark.money
def test_a_second_credit_for_downtime_is_asked_about_until_the_first_is_reversed() -> None:
    customer_id = make_customer()
    ask = down(customer_id)
    entry = credit(customer_id, ask)

    with pytest.raises(DowntimeRepeatedError) as refusal:
        credit(customer_id, replace(ask, incident_id=make_incident()))

    assert refusal.value.reference == entry.reference
    transact(credits.reverse, customer_id, entry.seq, by=actor(), key=new_key())
    assert credit(customer_id, ask).balance_after_minor == 111
    assert credit(customer_id, ask, repeat_ok=True).balance_after_minor == 222


def test_another_amount_than_was_shown_is_not_posted() -> None:
    customer_id = make_customer()
    ask = down(customer_id)

    for seen_minor in (None, 110, 112):
        with pytest.raises(DowntimeAmountError):
            credit(customer_id, ask, seen_minor)

    db.session.rollback()
    assert db.session.scalars(select(CreditEntry)).all() == []


def test_nothing_is_not_posted_even_if_it_was_shown() -> None:
    customer_id = make_customer()
    ask = down(customer_id, duration=durations.parse("1 s"))

    with pytest.raises(DowntimeAmountError) as refusal:
        credit(customer_id, ask, 0)

    assert refusal.value.sentence(str) == "By this policy nothing is owed for it."


def test_nobody_credits_more_than_their_role_may() -> None:
    customer_id = make_customer()
    limit_role(Role.AGENT, add_max_minor=110)

    with pytest.raises(AuthorityLimitError):
        credit(customer_id, down(customer_id), by=make_staff(Role.AGENT).actor)


def test_what_is_not_there_or_over_is_refused() -> None:
    customer_id, other_id = make_customer(), make_customer()
    ask = down(customer_id)

    def switch_off(session: Session) -> None:
        session.execute(update(DowntimePolicy).where(DowntimePolicy.id == 1).values(is_active=False))

    transact(switch_off)
    with pytest.raises(SubscriptionNotFoundError):
        credit(other_id, ask)
    with pytest.raises(PolicyError) as refusal:
        credit(customer_id, replace(ask, policy_id=1))
    assert refusal.value.sentence(str) == "The policy “Pro rata” has been switched off; choose another."
    with pytest.raises(PolicyError):
        credit(customer_id, replace(ask, policy_id=99))
    with pytest.raises(IncidentNotFoundError):
        credit(customer_id, replace(ask, incident_id=99))
    with pytest.raises(IncidentError):
        credit(customer_id, replace(ask, incident_id=make_incident(dismissed=True)))
    with pytest.raises(DowntimeTooLongError):
        credit(customer_id, replace(ask, duration=durations.parse("31 days")))


def test_half_a_month_is_half_the_fee_whatever_the_month() -> None:
    customer_id = make_customer()
    half = down(customer_id, policy_id=1, duration=durations.parse("half a month"), on=date(2026, 2, 27))

    assert credit(customer_id, half, 1_200).amount_minor == 1_200


@pytest.mark.money
def test_two_agents_at_once_credit_an_incident_once() -> None:
    customer_id = make_customer()
    ask = down(customer_id, incident_id=make_incident())
    agents = [make_staff(Role.AGENT).actor for _ in range(2)]

    done = together([partial(credit, customer_id, ask, by=agent) for agent in agents])

    assert sorted(type(one).__name__ for one in done) == ["AlreadyCreditedError", "Entry"]
    assert balance_of(customer_id) == 111
