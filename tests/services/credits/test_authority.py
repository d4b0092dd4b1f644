"""Who may post how much, and undo whose entries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from creditapp.models import (
    Role,
)
from creditapp.services import credits
from creditapp.services.actor import Actor
from tests.factories import (
    actor,
    balance_of,
    limit_role,
    make_customer,
    make_staff,
)
from tests.services.credits.desk import NOON, adjust, refusal, row, undo

pytestmark = pytest.mark.money


@pytest.mark.parametrize(
    ("amount_minor", "sentence"),
    [
        (501, "Your limit is $5.00 per entry: support agents may not add more than that at once."),
        (-301, "Your limit is $3.00 per entry: support agents may not remove more than that at once."),
    ],
)
def test_a_role_posts_up_to_its_limit_alone(app: Flask, amount_minor: int, sentence: str) -> None:
    customer, agent = make_customer(1000), actor(Role.AGENT)
    limit_role(Role.AGENT, add_max_minor=500, remove_max_minor=300)

    within = amount_minor - 1 if amount_minor > 0 else amount_minor + 1
    adjust(customer, within, by=agent)

    assert refusal(lambda: adjust(customer, amount_minor, by=agent)) == sentence


def test_one_direction_may_be_limited_alone(app: Flask) -> None:
    customer, agent = make_customer(1000), actor(Role.AGENT)
    limit_role(Role.AGENT, add_max_minor=1)

    adjust(customer, -1000, by=agent)

    assert balance_of(customer) == 0


def test_a_reversal_counts_against_the_limit_of_its_own_direction(app: Flask) -> None:
    customer, manager = make_customer(), actor(Role.MANAGER)
    entry = adjust(customer, 1000)
    limit_role(Role.MANAGER, remove_max_minor=999)

    assert refusal(lambda: undo(credits.reverse, entry, by=manager)) == (
        "Your limit is $9.99 per entry: managers may not remove more than that at once."
    )
    undo(credits.reverse, entry, 999, by=manager)


def test_an_agent_reverses_what_the_agent_posted_today(app: Flask) -> None:
    customer, agent = make_customer(at=NOON), actor(Role.AGENT)
    entry = adjust(customer, 500, by=agent, at=NOON)

    undo(credits.reverse, entry, by=agent, at=NOON + timedelta(hours=11, minutes=59))

    assert balance_of(customer) == 0


def test_an_agent_does_not_reverse_yesterdays_entry_nor_anothers(app: Flask) -> None:
    customer, agent, colleague = make_customer(), make_staff(Role.AGENT), make_staff(Role.AGENT)
    own = adjust(customer, 500, by=agent.actor, at=NOON)
    others = adjust(customer, 600, by=colleague.actor, at=NOON)

    late = refusal(lambda: undo(credits.reverse, own, by=agent.actor, at=NOON + timedelta(hours=12)))
    strange = refusal(lambda: undo(credits.reverse, others, by=agent.actor, at=NOON))

    sentence = "You may reverse only what you posted yourself today; {} is not. Ask a manager."
    assert late == sentence.format(own.reference)
    assert strange == sentence.format(others.reference)


def test_a_manager_reverses_anybodys_entry(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500, by=actor(Role.AGENT), at=NOON)

    undo(credits.reverse, entry, by=actor(Role.MANAGER))

    assert balance_of(customer) == 0


def test_whoever_was_disabled_meanwhile_posts_nothing(app: Flask) -> None:
    customer = make_customer(500)
    gone = make_staff(Role.ADMIN, disabled=True).actor
    nobody = Actor("staff", 999)

    for by in (gone, nobody):
        sentence = refusal(lambda: adjust(customer, 5, by=by))  # noqa: B023  (called at once)
        assert sentence == "Your account has been disabled."


def test_a_program_has_no_limit_of_a_role(app: Flask) -> None:
    customer = make_customer()

    entry = adjust(customer, 500, by=Actor("api", 7))

    assert (row(entry).actor, row(entry).actor_id) == ("api", 7)
