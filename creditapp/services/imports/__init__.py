"""Customers from a panel's export: looked at first, then imported whole or not at all.

A file names `external_id, name, company, email, opening_balance, joined_on` in its first line. Each new external id
becomes a customer, with an *Opening Balance* entry where the balance is not zero. Importing the same file again adds
nothing. A line that is refused stops the whole file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from creditapp.errors import DomainError, ImportCrossedError
from creditapp.models import CreditClass, CreditEntry, Customer, Kind, Setting
from creditapp.money import Currency, currency
from creditapp.services import audit, customers, ledger, request_keys
from creditapp.services.audit import Action
from creditapp.services.imports import files
from creditapp.services.imports.files import RawLine, Table
from creditapp.services.imports.lines import Line, understand
from creditapp.services.imports.reports import ImportRefusedError, Outcome, Problem, Report, Verdict
from creditapp.services.ledger import Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

__all__ = ["PAGE_BYTES_MAX", "ImportRefusedError", "Outcome", "Problem", "Report", "Verdict", "check", "post"]

PAGE_BYTES_MAX = 4_000_000
"""What the page takes: an import is one transaction, and SQLite has one writer."""
"""How large a file the page takes; the command line takes any."""
CHUNK = 1000

Listener = Callable[[Verdict], None]


def check(session: Session, source: BinaryIO, *, bytes_max: int | None = None, told: Listener | None = None) -> Report:
    """Return what importing the file would come to; nothing is written. `told` hears the verdict on each line.

    The session may be any, a page's own too. `source` is read from its beginning, line by line.

    Raises:
        ImportFileError: the file as a whole cannot be read; the sentence names the line.
    """
    return _Import(session, told).go(source, bytes_max)


def post(
    session: Session,
    source: BinaryIO,
    *,
    by: Actor,
    key: str,
    bytes_max: int | None = None,
    told: Listener | None = None,
) -> Report:
    """Import the file, all lines or none, and return what it came to. Safe to repeat: what is there stays as it is.

    `source` must be seekable: a transaction that is tried again reads it again, and tells the verdicts again.

    Raises:
        ImportFileError: the file as a whole cannot be read.
        ImportRefusedError: some lines are refused; it carries the report.
        ImportCrossedError: another import made one of the customers at the same time.
        FormReusedError: the key has imported another file.
    """
    customers.lock_settings(session)
    digest = _digest(source)
    earlier = request_keys.claim(session, "import", key, (digest, by.kind, by.id))
    if earlier is not None:
        return Report(**json.loads(earlier), replayed=True)
    work = _Import(session, told, by)
    try:
        report = work.go(source, bytes_max)
        work.finish()
    except IntegrityError as error:
        if "external_id" not in str(error.orig):
            raise
        raise ImportCrossedError from error
    facts = {
        "currency": report.currency,
        "lines": report.lines,
        "new": report.new,
        "unchanged": report.unchanged,
        "opening_minor": report.opening_minor,
    }
    request_keys.keep(session, "import", key, json.dumps(facts))
    audit.record(session, Action.CUSTOMERS_IMPORTED, by, "import", None, after=facts | {"file_sha256": digest})
    return report


class _Import:
    """One way through a file: judging only, or (`by` somebody) writing as well as long as nothing is refused."""

    def __init__(self, session: Session, told: Listener | None, by: Actor | None = None) -> None:
        self.session = session
        self.told = told
        self.by = by
        self.currency: Currency = currency(session.execute(select(Setting.currency)).scalar_one())
        self.report = Report(currency=self.currency.code)
        self.seen: dict[str, int] = {}
        self.openings: list[tuple[int, int]] = []

    def go(self, source: BinaryIO, bytes_max: int | None) -> Report:
        """Judge every line, and write the new customers; their opening balances wait for `finish`."""
        table, raw_lines = files.read(source, bytes_max=bytes_max)
        self.report.ignored_columns = table.ignored
        for chunk in _chunks(raw_lines):
            self._take(chunk, table)
        return self.report

    def finish(self) -> None:
        """Post the opening balances, last, since every other entry in the panel has to wait for their sums.

        Raises:
            ImportRefusedError: some lines are refused.
        """
        if self.report.refused:
            raise ImportRefusedError(self.report)
        for start in range(0, len(self.openings), CHUNK):
            postings = [self._opening(*opening) for opening in self.openings[start : start + CHUNK]]
            for result in ledger.post_many(self.session, postings):
                if isinstance(result, DomainError):
                    raise result

    def _take(self, chunk: list[RawLine], table: Table) -> None:
        read = [(raw, understand(raw, table, self.currency)) for raw in chunk]
        known = self._known([line.external_id for _raw, line in read if isinstance(line, Line)])
        fresh: list[Line] = []
        for raw, line in read:
            if not isinstance(line, Line):
                id_place, name_place = table.places["external_id"], table.places["name"]
                cells = [*raw.cells, *[""] * table.width]
                verdict = Verdict(
                    raw.number, Outcome.REFUSED, cells[id_place].strip()[:64], cells[name_place][:200], 0, line
                )
            else:
                verdict = self._judge(line, known.get(line.external_id))
                if verdict.outcome is Outcome.NEW:
                    fresh.append(line)
            self.report.add(verdict)
            if self.told is not None:
                self.told(verdict)
        if self.by is not None and fresh and not self.report.refused:
            self._write(fresh)

    def _judge(self, line: Line, known: tuple[customers.CustomerFields, int] | None) -> Verdict:
        first = self.seen.setdefault(line.external_id, line.number)
        if first != line.number:
            return self._refused(line, "external_id", f"Line {first} has the same id.")
        if known is None:
            return Verdict(line.number, Outcome.NEW, line.external_id, line.fields.name, line.opening_minor)
        fields, opening_minor = known
        if opening_minor != line.opening_minor:
            return self._refused(
                line,
                "opening_balance",
                f"This customer is already there with an opening balance of {self.currency.plain(opening_minor)}, "
                f"not {self.currency.plain(line.opening_minor)}. Adjust the credit on the user's page instead.",
            )
        remark = "" if fields == line.fields else "the profile differs and stays as it is"
        return Verdict(
            line.number, Outcome.UNCHANGED, line.external_id, line.fields.name, line.opening_minor, remark=remark
        )

    def _refused(self, line: Line, column: str, sentence: str) -> Verdict:
        return Verdict(
            line.number,
            Outcome.REFUSED,
            line.external_id,
            line.fields.name,
            line.opening_minor,
            (Problem(column, sentence),),
        )

    def _known(self, external_ids: list[str]) -> dict[str, tuple[customers.CustomerFields, int]]:
        """Return who of these is already there, as the file would say it, with the opening balance posted then."""
        c, e = Customer, CreditEntry
        opening = (
            select(func.coalesce(func.sum(e.amount_minor), 0))
            .where(e.customer_id == c.id, e.kind == str(Kind.OPENING))
            .scalar_subquery()
        )
        statement = select(c.external_id, c.name, c.company, c.email, c.joined_on, opening).where(
            c.external_id.in_(external_ids)
        )
        return {
            external_id: (
                customers.CustomerFields(
                    external_id=external_id, name=name, company=company, email=email, joined_on=joined_on
                ),
                int(opening_minor),
            )
            for external_id, name, company, email, joined_on, opening_minor in self.session.execute(statement)
        }

    def _write(self, fresh: list[Line]) -> None:
        ids = customers.create_many(self.session, [line.fields for line in fresh])
        self.openings += [
            (customer_id, line.opening_minor)
            for customer_id, line in zip(ids, fresh, strict=True)
            if line.opening_minor
        ]

    def _opening(self, customer_id: int, opening_minor: int) -> tuple[int, Posting]:
        if self.by is None:
            raise RuntimeError("Nobody posts this.")
        posting = Posting(
            kind=Kind.OPENING,
            amount_minor=opening_minor,
            description="Opening Balance",
            by=self.by,
            key="opening",
            content=("opening", opening_minor),
            class_=CreditClass.PAID,
        )
        return customer_id, posting


def _chunks(lines: Iterator[RawLine]) -> Iterator[list[RawLine]]:
    chunk: list[RawLine] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    digest = hashlib.sha256()
    while block := source.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
