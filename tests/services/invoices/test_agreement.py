"""Whatever is changed behind the back of invoices and payments is found, and the row is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import pytest
from flask import Flask

from creditapp import create_app
from creditapp.db import db, transact
from creditapp.models import InvoiceKind
from creditapp.services import invoices, numbers, verification
from creditapp.services.actor import SYSTEM
from creditapp.services.invoices import Line
from tests.conftest import Databases
from tests.factories import make_customer
from tests.services.invoices.desk import bill, pay, refund, take_off, use
from tests.services.tampering import tampered

pytestmark = pytest.mark.money


@dataclass(frozen=True)
class Files:
    """A customer with an invoice in each state, and payments of each kind."""

    c: int
    open: int
    """Two lines: 5,000 net, 930 tax, 5,930; 700 of it credit in two goes, 1,000 money."""
    paid: int
    """2,000: all money, of a payment with 500 too much."""
    refunded: int
    """3,000: 300 credit and 2,700 money, and back."""
    funds: int
    """4,000 of funds, added."""
    draft: int
    payments: tuple[int, int, int, int, int]
    """For open; paid with rest; refunded; funds; none."""

    def named(self, words: str) -> str:
        names = {name: getattr(self, name) for name in ("c", "open", "paid", "refunded", "funds", "draft")}
        return words.format(**names, p=self.payments)


def write_files() -> Files:
    customer = make_customer(1000)
    lines = [
        Line(description="Hosting", unit_minor=1000, quantity=4, tax_bp=1900),
        Line(description="Domain", unit_minor=1000, tax_bp=1700, is_credit_automatic=False),
    ]
    made = transact(
        invoices.create, customer, transact(numbers.reserve, "invoices"), lines, by=SYSTEM, key="open", note=""
    )
    use(customer, made.id, 900)
    take_off(customer, made.id, 200)
    paid, refunded = bill(customer, 2000), bill(customer, 3000)
    funds, draft = bill(customer, 4000, kind=InvoiceKind.ADD_FUNDS), bill(customer, 700, is_draft=True)
    first = pay(customer, 1000, made.id).payment_id
    second = pay(customer, 2500, paid).payment_id
    use(customer, refunded, 300)
    third = pay(customer, 2700, refunded).payment_id
    refund(customer, refunded)
    fourth, fifth = pay(customer, 4000, funds).payment_id, pay(customer, 60).payment_id
    return Files(customer, made.id, paid, refunded, funds, draft, (first, second, third, fourth, fifth))


@pytest.fixture(scope="module")
def cabinet(databases: Databases) -> Iterator[object]:
    """The files of each engine, written once: every test here takes back what it does to them."""
    with ExitStack() as stack:

        @cache
        def take(engine: str) -> tuple[Flask, Files]:
            made = create_app(databases.config(stack.enter_context(databases.migrated(engine))))
            with made.app_context():
                stack.callback(db.engine.dispose)
                return made, write_files()

        yield take


@pytest.fixture
def files(engine: str, cabinet: object) -> Iterator[Files]:
    made, written = cabinet(engine)  # type: ignore[operator]
    with made.app_context():
        yield written
        db.session.remove()


OF = "WHERE customer_id = :c AND invoice_id ="
ITS = "WHERE customer_id = :c AND id ="
ENTRY = "WHERE customer_id = :c AND seq ="

UNCHECKED = (
    "DO $$ DECLARE t text; c text; BEGIN FOR t, c IN SELECT conrelid::regclass::text, conname FROM pg_constraint "
    "WHERE contype = 'c' AND coninhcount = 0 AND conrelid::regclass::text LIKE ANY (ARRAY['invoice%', 'payment%']) "
    "LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', t, c); END LOOP; END $$"
)
"""SQLite leaves CHECKs alone when told to; PostgreSQL forgets them until the test is over."""

TAMPERINGS = {
    "credit that nobody applied": (
        f"UPDATE invoices SET credit_minor = 701 {ITS} :open",
        "credit: invoice #{open} of user #{c}: 701 of credit is on it; the entries about it come to 700",
    ),
    "an entry moved to another invoice": (
        f"UPDATE credit_entries SET invoice_id = :paid {ENTRY} 2",
        "credit: invoice #{paid} of user #{c}: 0 of credit is on it; the entries about it come to 900",
    ),
    "an entry about no invoice": (
        f"UPDATE credit_entries SET invoice_id = NULL {ENTRY} 2",
        "credit: user #{c}: 0 of credit is on it; the entries about it come to 900",
    ),
    "money that nobody paid": (
        f"UPDATE invoices SET paid_minor = 1001 {ITS} :open",
        "paid: invoice #{open} of user #{c}: 1001 was paid for it; payments gave it 1000",
    ),
    "an allocation thrown away": (
        f"DELETE FROM payment_allocations {OF} :paid",
        "paid: invoice #{paid} of user #{c}: 2000 was paid for it; payments gave it 0",
    ),
    "an allocation made larger": (
        f"UPDATE payment_allocations SET amount_minor = 1001 {OF} :open",
        "payments: payment #{p[0]} of user #{c}: 1000 came in; 0 became credit, and 1001 went to invoices",
    ),
    "an allocation the history knows nothing of": (
        f"UPDATE payment_allocations SET amount_minor = 1001 {OF} :open",
        "history: invoice #{open} of user #{c}: its history tells of 1000 from payment #{p[0]}, which gave it 1001",
    ),
    "a refund that was none": (
        f"UPDATE invoices SET refunded_minor = 10 {ITS} :paid",
        "refunded: invoice #{paid} of user #{c}: 10 was refunded of it; of its payments, 0",
    ),
    "a refund that made no credit": (
        f"UPDATE invoices SET refunded_minor = 10 {ITS} :paid",
        "refunded: invoice #{paid} of user #{c}: 10 was refunded of it; 0 of that became credit",
    ),
    "a refund of another payment": (
        f"UPDATE payment_allocations SET refunded_minor = 10 {OF} :open",
        "refunded: invoice #{open} of user #{c}: 0 was refunded of it; of its payments, 10",
    ),
    "funds that were not added": (
        f"UPDATE credit_entries SET kind = 'opening' {ENTRY} 8",
        "funds: invoice #{funds} of user #{c}: it adds funds of 4000; 0 has become credit",
    ),
    "funds added unpaid": (
        f"UPDATE invoices SET kind = 'manual' {ITS} :funds",
        "funds: invoice #{funds} of user #{c}: it adds funds of 0; 4000 has become credit",
    ),
    "a line's price": (
        f"UPDATE invoice_lines SET unit_minor = 999 {OF} :open AND line = 1",
        "user #{c}: line 1, 4 times 999 at 1900 basis points of tax, does not come to 4000 and 760 tax, 4760",
    ),
    "a line's tax": (
        f"UPDATE invoice_lines SET tax_minor = 171, gross_minor = 1171 {OF} :open AND line = 2",
        "invoice #{open} of user #{c}: it comes to 5000 and 930 tax, 5930; its 2 lines to 5000 and 931 tax, 5931",
    ),
    "a line's tax, on its own": (
        f"UPDATE invoice_lines SET tax_minor = 171, gross_minor = 1171 {OF} :open AND line = 2",
        "user #{c}: line 2, 1 times 1000 at 1700 basis points of tax, does not come to 1000 and 171 tax, 1171",
    ),
    "a line's rate": (
        f"UPDATE invoice_lines SET tax_bp = 700 {OF} :open AND line = 2",
        "line 2, 1 times 1000 at 700 basis points of tax, does not come to 1000 and 170 tax, 1170",
    ),
    "a line torn out": (
        f"DELETE FROM invoice_lines {OF} :open AND line = 2",
        "invoice #{open} of user #{c}: it comes to 5000 and 930 tax, 5930; its 1 lines to 4000 and 760 tax, 4760",
    ),
    "all lines torn out": (
        f"DELETE FROM invoice_lines {OF} :draft",
        "lines: invoice #{draft} of user #{c}: it comes to 700 and 0 tax, 700; its 0 lines to None and None tax, None",
    ),
    "a line renumbered": (
        f"UPDATE invoice_lines SET line = 3 {OF} :open AND line = 2",
        "lines: invoice #{open} of user #{c}: it comes to 5000",
    ),
    "a total": (
        f"UPDATE invoices SET total_minor = 2500, net_minor = 2500, status = 'unpaid' {ITS} :paid",
        "lines: invoice #{paid} of user #{c}: it comes to 2500 and 0 tax, 2500; its 1 lines to 2000 and 0 tax, 2000",
    ),
    "what credit may pay": (
        f"UPDATE invoices SET eligible_minor = 5930 {ITS} :open",
        "eligible: invoice #{open} of user #{c}: credit may pay 5930 of it by itself; its lines say 4760",
    ),
    "a product that credit may not pay": (
        f"UPDATE invoice_lines SET is_credit_automatic = FALSE {OF} :open",
        "eligible: invoice #{open} of user #{c}: credit may pay 4760 of it by itself; its lines say 0",
    ),
    "an invoice marked as paid": (
        f"UPDATE invoices SET status = 'paid' {ITS} :open",
        "status: invoice #{open} of user #{c}: it is paid with 700 credit and 1000 paid of 5930, and 0 refunded",
    ),
    "a paid invoice opened": (
        f"UPDATE invoices SET status = 'unpaid' {ITS} :paid",
        "status: invoice #{paid} of user #{c}: it is unpaid with 0 credit and 2000 paid of 2000, and 0 refunded",
    ),
    "a paid invoice cancelled": (
        f"UPDATE invoices SET status = 'cancelled' {ITS} :paid",
        "status: invoice #{paid} of user #{c}: it is cancelled with 0 credit and 2000 paid of 2000, and 0 refunded",
    ),
    "an open invoice made a draft": (
        f"UPDATE invoices SET status = 'draft' {ITS} :open",
        "status: invoice #{open} of user #{c}: it is draft with 700 credit",
    ),
    "a status nobody knows": (
        f"UPDATE invoices SET status = 'lost' {ITS} :draft",
        "status: invoice #{draft} of user #{c}: it is lost with 0 credit",
    ),
    "credit on funds": (
        f"UPDATE invoices SET credit_minor = 100, paid_minor = 3900 {ITS} :funds",
        "status: invoice #{funds} of user #{c}: it is paid with 100 credit and 3900 paid of 4000",
    ),
    "more than is owed": (
        f"UPDATE invoices SET paid_minor = 2001 {ITS} :paid",
        "status: invoice #{paid} of user #{c}: it is paid with 0 credit and 2001 paid of 2000",
    ),
    "history cut off": (
        f"DELETE FROM invoice_events {OF} :open AND seq = 5",
        "history: invoice #{open} of user #{c}: it counts 5 rows of history; there are 4, up to number 4",
    ),
    "history cut out": (
        f"DELETE FROM invoice_events {OF} :open AND seq = 2",
        "history: invoice #{open} of user #{c}: it counts 5 rows of history; there are 4, up to number 5",
    ),
    "history renumbered": (
        f"UPDATE invoice_events SET seq = 9 {OF} :open AND seq = 2",
        "history: invoice #{open} of user #{c}: it counts 5 rows of history; there are 5, up to number 9",
    ),
    "history about another entry": (
        f"UPDATE invoice_events SET entry_seq = 1 {OF} :open AND seq = 3",
        "history: invoice #{open} of user #{c}: row 3 of its history does not agree with the entry it names, CR-{c}-1",
    ),
    "history about an entry there is not": (
        f"UPDATE invoice_events SET entry_seq = 99 {OF} :open AND seq = 3",
        "history: invoice #{open} of user #{c}: row 3 of its history does not agree with the entry it names, CR-{c}-99",
    ),
    "history of another amount": (
        f"UPDATE invoice_events SET amount_minor = 5 {OF} :open AND seq = 3",
        "history: invoice #{open} of user #{c}: row 3 of its history does not agree with the entry it names, CR-{c}-2",
    ),
    "history that keeps an entry to itself": (
        f"UPDATE invoice_events SET entry_seq = NULL {OF} :open AND seq = 3",
        "history: CR-{c}-2: it is named 0 times in the history of its invoice",
    ),
    "history that names an entry twice": (
        f"UPDATE invoice_events SET entry_seq = 2 {OF} :open AND seq = 2",
        "history: CR-{c}-2: it is named 2 times in the history of its invoice",
    ),
    "history of a payment of nobody": (
        f"UPDATE invoice_events SET action = 'payment_received', payment_id = 99, amount_minor = 5 {OF} :draft",
        "history: invoice #{draft} of user #{c}: its history tells of 5 from payment #99, which gave it 0",
    ),
    "a payment's amount": (
        f"UPDATE payments SET amount_minor = 2400 {ITS} :p2",
        "payments: payment #{p[1]} of user #{c}: 2400 came in; 500 became credit, and 2000 went to invoices",
    ),
    "a payment's credit": (
        f"UPDATE payments SET credit_minor = 59 {ITS} :p5",
        "payments: payment #{p[4]} of user #{c}: 59 of it became credit; its entries come to 60",
    ),
    "a payment thrown away": (
        f"DELETE FROM payments {ITS} :p5",
        "payments: payment #{p[4]} of user #{c}: 0 of it became credit; its entries come to 60",
    ),
    "credit of a payment by another name": (
        f"UPDATE credit_entries SET kind = 'opening' {ENTRY} 9",
        "payments: payment #{p[4]} of user #{c}: 60 of it became credit; its entries come to 0",
    ),
    "an invoice in another currency": (
        f"UPDATE invoices SET currency = 'EUR' {ITS} :paid",
        "currency: invoice #{paid} of user #{c}: it is in EUR, the panel in USD",
    ),
    "a payment in another currency": (
        f"UPDATE payments SET currency = 'EUR' {ITS} :p2",
        "currency: payment #{p[1]} of user #{c}: it is in EUR, the panel in USD",
    ),
    "numbers that would be handed out again": (
        "UPDATE id_counters SET next_id = 2 WHERE name = 'invoices'",
        "numbers: the next of the invoices would be number 2, and there is number {draft}",
    ),
    "money made out of nothing, with care": (
        f"UPDATE credit_entries SET kind = 'top_up' {ENTRY} 1",
        (
            "conservation: 7560 in balances, 700 of credit and 3000 of money on invoices are not 10260 that came in, "
            "less 0 that went back, and 0 that was posted"
        ),
    ),
}
"""What is done, and what is found of it."""


def found_after(files: Files, *statements: str) -> list[str]:
    names = {name: getattr(files, name) for name in ("c", "open", "paid", "refunded", "funds", "draft")}
    numbered = {f"p{number}": its_id for number, its_id in enumerate(files.payments, start=1)}
    chosen = {k: v for k, v in (names | numbered).items() if any(f":{k}" in one for one in statements)}
    with tampered(*statements, **chosen) as session:
        return [str(finding) for finding in verification.verify(session) if finding.check != "guards"]


def test_files_that_nobody_touched_are_found_clean(files: Files) -> None:
    assert verification.report() == []


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_the_row_is_named(files: Files, what: str) -> None:
    statement, expected = TAMPERINGS[what]
    unchecked = [UNCHECKED] if db.engine.dialect.name == "postgresql" else []

    found = found_after(files, *unchecked, statement)

    assert any(files.named(expected) in finding for finding in found), found
