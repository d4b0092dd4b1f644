"""Random programs of the credit desk: both engines do what a few lines of plain Python do, refusals included."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from creditapp.db import db, transact_at
from creditapp.errors import DomainError
from creditapp.models import CreditAccount, CreditLot
from creditapp.services import credits, verification
from creditapp.services.actor import Actor
from creditapp.services.ledger import Entry
from tests.conftest import AppMaker
from tests.factories import actor, make_customer, make_reason
from tests.ledger_model import CLASSES, Model, Refused, Result

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
REASONS = [(class_, days) for class_ in CLASSES for days in (None, 1, 3)]
AMOUNTS = st.integers(min_value=-60, max_value=60)
SEQS = st.integers(min_value=1, max_value=25)
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "12"))


@dataclass
class Desk:
    """One engine's application, with somebody to act and a reason of each class and expiry."""

    app: Flask
    by: Actor
    reasons: dict[tuple[str, int | None], int]
    customer: int = 0


def ask(desk: Desk, verb: Callable[..., Entry], now: datetime, *args: Any, **given: Any) -> tuple[Result, bool]:  # noqa: ANN401
    """Do it on this engine, and return what came of it, and whether it was a replay."""
    with desk.app.app_context():
        try:
            entry = transact_at(now, verb, desk.customer, *args, by=desk.by, **given)
        except DomainError as refusal:
            return Refused(type(refusal).__name__), False
        return (entry.seq, entry.balance_after_minor), entry.replayed


class LedgerMachine(RuleBasedStateMachine):
    """A customer at the desk; time goes on, and everything is asked of the model and of every engine."""

    desks: tuple[Desk, ...] = ()

    @initialize()
    def open(self) -> None:
        self.model, self.now, self.keys = Model(), START, 0
        self.replays: list[tuple[Result, partial[tuple[Result, bool]]]] = []
        for desk in self.desks:
            with desk.app.app_context():
                desk.customer = make_customer()

    def compare(
        self,
        expected: Result,
        verb: Callable[..., Entry],
        *args: Any,  # noqa: ANN401  (the verb's)
        reason: tuple[str, int | None] | None = None,
        **given: Any,  # noqa: ANN401  (the verb's)
    ) -> None:
        self.keys += 1
        for desk in self.desks:
            reason_id = {"reason_id": desk.reasons[reason]} if reason else {}
            again = partial(ask, desk, verb, self.now, *args, **given, **reason_id, key=f"key {self.keys}")
            assert again() == (expected, False)
            self.replays.append((expected, again))

    @rule(amount_minor=AMOUNTS, reason=st.sampled_from(REASONS))
    def adjust(self, amount_minor: int, reason: tuple[str, int | None]) -> None:
        class_, days = reason
        last = None if days is None else datetime.combine(self.now.date() + timedelta(days=days + 1), time(), UTC)
        expected = self.model.adjust(self.now, amount_minor, class_, last)
        self.compare(expected, credits.adjust, amount_minor, reason=reason, duplicates_ok=True)

    @rule(target_minor=st.integers(min_value=0, max_value=90), off_minor=st.sampled_from([0, 0, 0, 1]))
    def set_balance(self, target_minor: int, off_minor: int) -> None:
        seen_minor = self.model.balance_minor + off_minor
        expected = self.model.set_balance(self.now, target_minor, seen_minor, "goodwill")
        reason = ("goodwill", None)
        self.compare(expected, credits.set_balance, target_minor, reason=reason, seen_minor=seen_minor)

    @rule(seq=SEQS, amount_minor=st.none() | st.integers(min_value=0, max_value=60))
    def reverse(self, seq: int, amount_minor: int | None) -> None:
        self.compare(self.model.reverse(seq, amount_minor), credits.reverse, seq, amount_minor)

    @rule(seq=SEQS)
    def void(self, seq: int) -> None:
        self.compare(self.model.void(seq), credits.void, seq)

    @rule(seq=SEQS)
    def delete(self, seq: int) -> None:
        self.compare(self.model.reverse(seq, None, only_unused=True), credits.delete, seq)

    @rule(pick=st.integers(min_value=0))
    def repeat(self, pick: int) -> None:
        accepted = [(expected, again) for expected, again in self.replays if not isinstance(expected, Refused)]
        if accepted:
            expected, again = accepted[pick % len(accepted)]
            assert again() == (expected, True)

    @rule(hours=st.integers(min_value=1, max_value=40))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def balance_and_lots_are_the_models(self) -> None:
        expected = {lot.seq: lot.left_minor for lot in self.model.lots.values()}
        for desk in self.desks:
            with desk.app.app_context():
                account = db.session.get_one(CreditAccount, desk.customer)
                lots = select(CreditLot.seq, CreditLot.remaining_minor).where(CreditLot.customer_id == desk.customer)
                stored = dict(list(db.session.execute(lots)))
                balance_minor = account.balance_minor
                db.session.remove()
            assert (balance_minor, stored) == (self.model.balance_minor, expected)


@contextmanager
def open_desks(options: argparse.Namespace, new_app: AppMaker) -> Iterator[tuple[Desk, ...]]:
    """Yield a desk on each engine that these options leave."""
    plain = options.isolation == "default" and options.schema == "plain"
    with ExitStack() as stack:
        made = []
        for engine in ("sqlite", "postgresql") if plain else ("postgresql",):
            app = stack.enter_context(new_app(engine))
            reasons = {(class_, days): make_reason(class_=class_, expires_after_days=days) for class_, days in REASONS}
            made.append(Desk(app, actor(), reasons))
        yield tuple(made)


@pytest.fixture
def desks(request: pytest.FixtureRequest, new_app: AppMaker) -> Iterator[tuple[Desk, ...]]:
    with open_desks(request.config.option, new_app) as opened:
        yield opened


@pytest.mark.money
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_programs_come_to_the_same_everywhere(desks: tuple[Desk, ...]) -> None:
    LedgerMachine.desks = desks

    run_state_machine_as_test(LedgerMachine, settings=settings(max_examples=EXAMPLES, stateful_step_count=30))

    for desk in desks:
        with desk.app.app_context():
            assert verification.report() == []
