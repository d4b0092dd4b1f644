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


def ask(session: Session, laws: Iterable[Law]) -> Iterator[Finding]:
    """Yield what breaks these laws."""
    connection = session.connection()
    for law in laws:
        try:
            yield from _broken(connection, law)
        except OperationalError as error:
            if "overflow" not in str(error.orig):
                raise
            yield Finding("sums", None, None, f"the database cannot add up the {law.check}: {error.orig}")


def _broken(connection: Connection, law: Law) -> Iterator[Finding]:
    question, options = text(law.question), {"yield_per": ROWS_AT_ONCE}
    with connection.execute(question, law.values, execution_options=options) as rows:
        for customer_id, seq, *facts in rows:
            yield Finding(law.check, customer_id, seq, law.sentence.format(*facts), law.of)
