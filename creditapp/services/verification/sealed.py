"""What the seals outside the database remember: each sealed entry and audit row must still stand where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_, type_coerce

from creditapp.db import ledger_key
from creditapp.models import AuditRow, CreditEntry
from creditapp.services import seals
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.reading import Readable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

HEADS_AT_ONCE = 500


def check_seals(session: Session, path: Path) -> Iterator[Finding]:
    """Yield what was sealed and is no longer so. A file that is not there, or was cut short, seals nothing."""
    entries = 0
    for line in seals.read(ledger_key(session), path):
        if line.facts is None:
            message = f"line {line.number} of {path.name}, or the line before it, is not as it was written"
            yield Finding("seals", None, None, message)
        elif line.closes:
            entries = max(entries, line.facts["entries"])
            yield from _check_audit(session, line.facts["audit"], line.facts["at"])
        else:
            heads = line.facts["heads"]
            for first in range(0, len(heads), HEADS_AT_ONCE):
                yield from _check_heads(session, heads[first : first + HEADS_AT_ONCE], line.facts["at"])
    count = session.execute(select(func.count()).select_from(CreditEntry)).scalar_one() if entries else 0
    if count < entries:
        yield Finding("seals", None, None, f"{entries} entries were sealed; there are {count}")


def check_last_audit_seal(session: Session, path: Path) -> Iterator[Finding]:
    """Yield whether the audit row that the last whole seal names is not there as it was sealed."""
    facts = seals.last_facts(ledger_key(session), path)
    if facts is not None:
        yield from _check_audit(session, facts["audit"], facts["at"])


def _check_heads(session: Session, heads: list[list[Any]], at: str) -> Iterator[Finding]:
    c = CreditEntry.__table__.c
    numbers = [(customer_id, seq) for customer_id, seq, _hash in heads]
    statement = select(c.customer_id, c.seq, type_coerce(c.hash, Readable(c.hash.type))).where(
        tuple_(c.customer_id, c.seq).in_(numbers)
    )
    found = {(customer_id, seq): hash_ for customer_id, seq, hash_ in session.connection().execute(statement)}
    for customer_id, seq, sealed in heads:
        if (customer_id, seq) not in found:
            yield Finding("seal", customer_id, seq, f"it was sealed at {at} and is gone")
        elif found[customer_id, seq] != bytes.fromhex(sealed):
            yield Finding("seal", customer_id, seq, f"it is not the entry that was sealed at {at}")


def _check_audit(session: Session, row_sealed: tuple[int, str], at: str) -> Iterator[Finding]:
    seq, sealed = row_sealed
    if seq == 0:
        return
    c = AuditRow.__table__.c
    statement = select(type_coerce(c.hash, Readable(c.hash.type))).where(c.seq == seq)
    row = session.connection().execute(statement).one_or_none()
    if row is None:
        yield Finding("audit seal", None, seq, f"it was sealed at {at} and is gone")
    elif row[0] != bytes.fromhex(sealed):
        yield Finding("audit seal", None, seq, f"it is not the row that was sealed at {at}")
