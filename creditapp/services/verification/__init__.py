"""Proof that the books are right: entries = balances = lots = days = totals = invoices and payments, chains whole.

Every check streams; what it finds names the row and says what is wrong. An empty report is the proof.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from creditapp.db import snapshot
from creditapp.services.verification.access import check_access
from creditapp.services.verification.audit_chain import check_audit
from creditapp.services.verification.batches import check_batches
from creditapp.services.verification.codes import check_codes
from creditapp.services.verification.conservation import check_conservation
from creditapp.services.verification.counters import check_counters
from creditapp.services.verification.entries import check_entries
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.gateways import check_gateways
from creditapp.services.verification.guards import check_guards, check_kinds, expected_guards
from creditapp.services.verification.history import check_history
from creditapp.services.verification.invoices import check_invoices
from creditapp.services.verification.merges import check_merges
from creditapp.services.verification.payments import check_payments
from creditapp.services.verification.reading import any_text
from creditapp.services.verification.refunds import check_refunds
from creditapp.services.verification.sealed import check_seals
from creditapp.services.verification.sums import check_sums

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

__all__ = ["FINDINGS_MAX", "Finding", "check_guards", "expected_guards", "report", "verify"]

FINDINGS_MAX = 1000
"""How many findings a report holds: a broken row early in a chain makes many."""


def report(findings_max: int = FINDINGS_MAX, *, seals: Path | None = None) -> list[Finding]:
    """Verify the whole database as it is at one moment, and return the first findings; none means that all is well.

    `seals` is the file of `services/seals.py`. Without it, a history whose newest entries were taken away with care
    looks whole; with it, only as long as the file itself is whole: lines cut off its end cannot be missed.
    """
    with snapshot() as session, closing(verify(session, seals)) as findings:
        return list(islice(findings, findings_max))


def verify(session: Session, seals: Path | None = None) -> Generator[Finding]:
    """Yield what is wrong, check by check. The session must see one moment of the database, as `snapshot` gives it.

    Reads only, in constant memory, row after row: some 30 seconds for a million entries.
    """
    with any_text(session):
        yield from check_guards(session)
        yield from check_kinds(session)
        yield from check_entries(session)
        yield from check_sums(session)
        yield from check_invoices(session)
        yield from check_history(session)
        yield from check_payments(session)
        yield from check_refunds(session)
        yield from check_gateways(session)
        yield from check_counters(session)
        yield from check_conservation(session)
        yield from check_codes(session)
        yield from check_batches(session)
        yield from check_merges(session)
        yield from check_access(session)
        yield from check_audit(session)
        if seals is not None:
            yield from check_seals(session, seals)
