"""Random programs of invoices, payments and credit: both engines do what a plain model does, refusals included."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from creditapp.db import db, transact, transact_at
from creditapp.errors import DomainError
from creditapp.models import CreditAccount, CreditEntry, CreditLot, Invoice, InvoiceKind
from creditapp.services import credits, invoices, numbers, payments, sweeps, verification
from creditapp.services.credits import Trigger
from creditapp.services.invoices import Line
from tests.conftest import AppMaker
from tests.factories import make_customer
from tests.invoice_model import InvoiceModel, ModelInvoice, Outcome
from tests.ledger_model import Refused
from tests.test_ledger_machine import REASONS, START, Desk, open_desks

EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "25"))
PICKS = st.integers(min_value=0, max_value=9)
AMOUNTS = st.none() | st.integers(min_value=1, max_value=15) | st.integers(min_value=0, max_value=60)
TOTALS = st.integers(min_value=0, max_value=60)
KINDS = st.sampled_from([InvoiceKind.MANUAL, InvoiceKind.MANUAL, InvoiceKind.ORDER, InvoiceKind.ADD_FUNDS])
Work = Callable[[Desk, str], object]
"""What is done on one engine under a key."""


class InvoiceMachine(RuleBasedStateMachine):
    """A customer with invoices; time goes on, and everything is asked of the model and of every engine."""

    desks: tuple[Desk, ...] = ()

    @initialize(
        totals=st.lists(st.tuples(KINDS, st.integers(min_value=1, max_value=60)), min_size=2, max_size=4),
        reasons=st.lists(st.sampled_from(REASONS), min_size=1, max_size=3),
    )
    def open(self, totals: Sequence[tuple[InvoiceKind, int]], reasons: Sequence[tuple[str, int | None]]) -> None:
        self.model, self.now, self.keys = InvoiceModel(), START, 0
        self.numbers: list[list[int]] = [[] for _ in self.desks]
        self.replays: list[Callable[[], None]] = []
        for desk in self.desks:
            with desk.app.app_context():
                desk.customer = make_customer()
        for reason in reasons:
            self.adjust(amount_minor=30, reason=reason)
        for kind, total_minor in totals:
            self.create(kind=kind, total_minor=total_minor, is_eligible=True, is_draft=False)

    def compare(self, expected: Outcome, work: Work, *, again: bool = True) -> None:
        """Do it on every engine: it posts what the model says, or is refused; and keep it to be repeated."""
        self.keys += 1
        for desk in self.desks:
            with desk.app.app_context():
                before = entries(desk)
                came_to = said(partial(work, desk, f"key {self.keys}"))
                posted = entries(desk)[len(before) :]
                db.session.remove()
            assert (came_to or tuple(posted)) == expected
        if again and not isinstance(expected, Refused):
            self.replays.append(partial(self.again, work, f"key {self.keys}"))

    def again(self, work: Work, key: str) -> None:
        for desk in self.desks:
            with desk.app.app_context():
                before = entries(desk)
                said(partial(work, desk, key))
                assert entries(desk) == before
                db.session.remove()

    def on(
        self,
        verb: Callable[..., object],
        now: datetime,
        invoice: ModelInvoice,
        args: Sequence[object],
        desk: Desk,
        key: str,
    ) -> object:
        """Do this to an invoice, at this moment."""
        return transact_at(now, verb, desk.customer, self.number(desk, invoice), *args, by=desk.by, key=key)

    def number(self, desk: Desk, invoice: ModelInvoice) -> int:
        return self.numbers[self.desks.index(desk)][invoice.number]

    def picked(self, pick: int) -> ModelInvoice:
        return self.model.invoices[pick % len(self.model.invoices)]

    @rule(
        amount_minor=st.integers(min_value=-30, max_value=60).filter(bool),
        reason=st.sampled_from(REASONS),
    )
    def adjust(self, amount_minor: int, reason: tuple[str, int | None]) -> None:
        class_, days = reason
        last = None if days is None else datetime.combine(self.now.date() + timedelta(days=days + 1), time(), UTC)
        result = self.model.adjust(self.now, amount_minor, class_, last)

        def work(now: datetime, desk: Desk, key: str) -> object:
            terms: dict[str, Any] = {
                "reason_id": desk.reasons[reason],
                "by": desk.by,
                "key": key,
                "duplicates_ok": True,
            }
            return transact_at(now, credits.adjust, desk.customer, amount_minor, **terms)

        self.compare(result if isinstance(result, Refused) else (amount_minor,), partial(work, self.now))

    @rule(
        kind=KINDS,
        total_minor=TOTALS,
        is_eligible=st.sampled_from([True, True, False]),
        is_draft=st.sampled_from([False, False, True]),
    )
    def create(self, kind: InvoiceKind, total_minor: int, is_eligible: bool, is_draft: bool) -> None:
        self.model.create(str(kind), total_minor, is_eligible=is_eligible, is_draft=is_draft)
        line = Line(description="Hosting", unit_minor=total_minor, is_credit_automatic=is_eligible)

        def work(now: datetime, desk: Desk, key: str) -> object:
            number = transact(numbers.reserve, "invoices")
            terms: dict[str, Any] = {"by": desk.by, "key": key, "kind": kind, "is_draft": is_draft}
            made = transact_at(now, invoices.create, desk.customer, number, [line], **terms)
            if not made.replayed:
                self.numbers[self.desks.index(desk)].append(made.id)
            return made

        self.compare((), partial(work, self.now))

    @precondition(lambda self: self.model.invoices)
    @rule(pick=PICKS)
    def issue(self, pick: int) -> None:
        invoice = self.picked(pick)

        def work(now: datetime, desk: Desk, _key: str) -> object:
            return transact_at(now, invoices.issue, desk.customer, self.number(desk, invoice), by=desk.by)

        self.compare(self.model.issue(invoice), partial(work, self.now), again=False)

    @precondition(lambda self: self.model.invoices)
    @rule(pick=PICKS, amount_minor=AMOUNTS)
    def apply(self, pick: int, amount_minor: int | None) -> None:
        invoice = self.picked(pick)
        expected = self.model.apply(self.now, invoice, amount_minor)
        self.compare(expected, partial(self.on, credits.apply, self.now, invoice, [amount_minor]))

    @precondition(lambda self: self.model.invoices)
    @rule(pick=PICKS, amount_minor=AMOUNTS)
    def unapply(self, pick: int, amount_minor: int | None) -> None:
        invoice = self.picked(pick)
        expected = self.model.unapply(self.now, invoice, amount_minor)
        self.compare(expected, partial(self.on, credits.unapply, self.now, invoice, [amount_minor]))

    @precondition(lambda self: self.model.invoices)
    @rule(pick=PICKS, verb=st.sampled_from([invoices.cancel, invoices.void, invoices.refund_to_credit]))
    def close(self, pick: int, verb: Callable[..., object]) -> None:
        invoice = self.picked(pick)
        expected = self.model.close(self.now, invoice, verb.__name__)
        self.compare(expected, partial(self.on, verb, self.now, invoice, []))

    @precondition(lambda self: self.model.invoices)
    @rule(pick=PICKS)
    def apply_automatically(self, pick: int) -> None:
        invoice = self.picked(pick)

        def work(now: datetime, desk: Desk, _key: str) -> object:
            number = self.number(desk, invoice)
            return transact_at(now, credits.apply_automatically, desk.customer, number, trigger=Trigger.NEW)

        self.compare(self.model.apply_automatically(self.now, invoice), partial(work, self.now), again=False)

    @rule(amount_minor=st.integers(min_value=0, max_value=90), picks=st.lists(PICKS, max_size=3))
    def pay(self, amount_minor: int, picks: Sequence[int]) -> None:
        chosen = [self.picked(pick) for pick in picks] if self.model.invoices else []
        named = list({invoice.number: invoice for invoice in chosen}.values())

        def work(now: datetime, desk: Desk, key: str) -> object:
            number = transact(numbers.reserve, "payments")
            ids = [self.number(desk, invoice) for invoice in named]
            terms: dict[str, Any] = {
                "invoice_ids": ids,
                "method": "bank",
                "received_on": date(2026, 3, 1),
                "by": desk.by,
                "key": key,
            }
            return transact_at(now, payments.record, desk.customer, number, amount_minor, **terms)

        self.compare(self.model.pay(self.now, amount_minor, named), partial(work, self.now))

    @rule()
    def expire(self) -> None:
        self.model.expire(self.now)
        for desk in self.desks:
            with desk.app.app_context():
                while transact_at(self.now, sweeps.expire):
                    pass
                db.session.remove()

    @rule(pick=st.integers(min_value=0))
    def repeat(self, pick: int) -> None:
        if self.replays:
            self.replays[pick % len(self.replays)]()

    @rule(hours=st.integers(min_value=1, max_value=40))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def everything_is_the_models(self) -> None:
        assert self.model.conserved_minor == 0
        assert all(invoice.due_minor >= 0 for invoice in self.model.invoices)
        lots = {lot.seq: (lot.left_minor, lot.expires_at) for lot in self.model.lots.values()}
        for desk, its_numbers in zip(self.desks, self.numbers, strict=True):
            with desk.app.app_context():
                assert stored_lots(desk) == lots
                assert stored_balance(desk) == self.model.balance_minor
                stored = stored_invoices(desk)
                assert [stored[number] for number in its_numbers] == [one.state for one in self.model.invoices]
                db.session.remove()

    def teardown(self) -> None:
        for desk in self.desks:
            with desk.app.app_context():
                db.session.remove()
                assert verification.report() == []


def said(work: Callable[[], object]) -> Refused | None:
    try:
        work()
    except DomainError as refusal:
        return Refused(type(refusal).__name__)
    return None


def entries(desk: Desk) -> list[int]:
    e = CreditEntry
    db.session.rollback()
    return list(
        db.session.execute(select(e.amount_minor).where(e.customer_id == desk.customer).order_by(e.seq)).scalars()
    )


def stored_lots(desk: Desk) -> dict[int, tuple[int, datetime | None]]:
    lot = CreditLot
    rows = db.session.execute(
        select(lot.seq, lot.remaining_minor, lot.expires_at).where(lot.customer_id == desk.customer)
    )
    return {seq: (left_minor, expires_at) for seq, left_minor, expires_at in rows}


def stored_balance(desk: Desk) -> int:
    return db.session.execute(
        select(CreditAccount.balance_minor).where(CreditAccount.customer_id == desk.customer)
    ).scalar_one()


def stored_invoices(desk: Desk) -> dict[int, tuple[Any, ...]]:
    i = Invoice
    rows = db.session.execute(
        select(i.id, i.status, i.credit_minor, i.paid_minor, i.refunded_minor).where(i.customer_id == desk.customer)
    )
    return {row[0]: tuple(row[1:]) for row in rows}


@pytest.fixture
def desks(request: pytest.FixtureRequest, new_app: AppMaker) -> Iterator[tuple[Desk, ...]]:
    with open_desks(request.config.option, new_app) as opened:
        yield opened


@pytest.mark.money
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_programs_of_invoices_come_to_the_same_everywhere(desks: tuple[Desk, ...]) -> None:
    InvoiceMachine.desks = desks

    run_state_machine_as_test(InvoiceMachine, settings=settings(max_examples=EXAMPLES, stateful_step_count=40))
