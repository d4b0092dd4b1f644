"""A law of the books as a question: it returns only the rows that break it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from creditapp.services.verification.findings import Finding

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

ROWS_AT_ONCE = 2000
RESTORED = bytes(32)
"""The key's digest on invoices and payments that a migration has made whole again: no content has it.

A migration that took invoices away and brought them back made them whole again from what the ledger says of them. Of
these, lines, history and money are unknown: nothing is asked about those.
"""
KNOWN = "SELECT customer_id, id FROM invoices WHERE key_digest <> :restored"
ON_INVOICES = "('applied', 'unapplied', 'returned')"
OF_PAYMENTS = "('overpayment', 'duplicate_payment', 'loose_payment')"
ALLOCATED = (
    "FROM payment_allocations a "
    "JOIN payments p ON p.customer_id = a.customer_id AND p.id = a.payment_id AND p.voided_at IS NULL"
)
"""The allocations of payments that were not voided."""


@dataclass(frozen=True, slots=True)
class Law:
    """A question that finds the rows which break it; `sentence` is filled with what follows the first two columns.

    These two are the customer's id and the number of the entry, or of what else `of` says.
    """

    check: str
    question: str
    sentence: str
    of: str = "entry"
    values: Mapping[str, object] = field(default_factory=dict)


def agree(number: str, stored: str, summed: str) -> str:
    """Return the question where two sides differ, each of them rows of customer, number and amount."""
    return f"""
        SELECT customer_id, {number}, SUM(stored_minor), SUM(summed_minor)
        FROM (
            SELECT customer_id, {number}, minor AS stored_minor, 0 AS summed_minor FROM ({stored}) stored
            UNION ALL
            SELECT customer_id, {number}, 0, minor FROM ({summed}) summed
        ) both_sides
        GROUP BY customer_id, {number}
        HAVING SUM(stored_minor) <> SUM(summed_minor)
    """  # noqa: S608  (our own names)


def ask(session: Session, laws: Iterable[Law]) -> Iterator[Finding]:
    """Yield what breaks these laws."""
    connection = session.connection()
    for law in _suspects(connection, list(laws)):
        try:
            yield from _broken(connection, law)
        except OperationalError as error:
            if "overflow" not in str(error.orig):
                raise
            yield Finding("sums", None, None, f"the database cannot add up the {law.check}: {error.orig}")


def _suspects(connection: Connection, laws: list[Law]) -> list[Law]:
    """Return the laws that are broken, found out with one question for all: as a rule none is."""
    questions = [f"SELECT {number} WHERE EXISTS ({law.question})" for number, law in enumerate(laws)]
    values = {name: value for law in laws for name, value in law.values.items()}
    try:
        return [
            laws[number] for number in sorted(connection.execute(text(" UNION ALL ".join(questions)), values).scalars())
        ]
    except OperationalError as error:
        if "overflow" not in str(error.orig):
            raise
        return laws


def _broken(connection: Connection, law: Law) -> Iterator[Finding]:
    question, options = text(law.question), {"yield_per": ROWS_AT_ONCE}
    with connection.execute(question, law.values, execution_options=options) as rows:
        for customer_id, seq, *facts in rows:
            yield Finding(law.check, customer_id, seq, law.sentence.format(*facts), law.of)
