"""The audit log, from its first row to the head; or its newest rows alone, for who is waiting for the answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from creditapp.db import ledger_key
from creditapp.models import AuditDetails, AuditHead, AuditRow
from creditapp.services import audit
from creditapp.services.ledger import ZERO_HASH
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.reading import any_text, readable, unreadable
from creditapp.services.verification.sealed import check_last_audit_seal

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

ROWS_AT_ONCE = 2000

_ROWS = AuditRow.__table__
_DETAILS = AuditDetails.__table__
_HEAD = AuditHead.__table__
_WALK = (
    select(*readable(_ROWS.c), _DETAILS.c.seq.label("details_seq"), *readable(c for c in _DETAILS.c if c.key != "seq"))
    .outerjoin(_DETAILS, _DETAILS.c.seq == _ROWS.c.seq)
    .order_by(_ROWS.c.seq)
)


def check_audit(session: Session) -> Iterator[Finding]:
    """Yield what is wrong in the audit log."""
    yield from _check_rows(session, 0, ZERO_HASH)


def check_newest(session: Session, rows: int, seals: Path) -> Generator[Finding]:
    """Yield what is wrong in the newest `rows` of the audit log, and whether what the last seal names still stands."""
    with any_text(session):
        last = session.connection().execute(select(func.max(_ROWS.c.seq))).scalar_one() or 0
        first = max(0, last - rows)
        before = ZERO_HASH
        if first:
            found = session.connection().execute(select(*readable([_ROWS.c.hash])).where(_ROWS.c.seq == first)).first()
            before = found[0] if found is not None and isinstance(found[0], bytes) else b""
        yield from _check_rows(session, first, before)
        yield from check_last_audit_seal(session, seals)


def _check_rows(session: Session, first: int, before: bytes) -> Iterator[Finding]:
    """Yield what is wrong in the rows after number `first`, which has this hash, and in the head."""
    key = ledger_key(session)
    count = first
    walk = _WALK.where(_ROWS.c.seq > first) if first else _WALK
    with session.connection().execute(walk, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        for row in rows:
            count += 1
            yield from _check_row(key, row, count, before)
            before = row.hash if isinstance(row.hash, bytes) else b""
    head = session.connection().execute(select(*readable(_HEAD.c))).one_or_none()
    if head is None or head.seq != count or head.hash != before:
        yield Finding("audit head", None, None, f"the head does not stand at the log's last row, {count}")


def _check_row(key: bytes, row: Any, count: int, before: bytes) -> Iterator[Finding]:  # noqa: ANN401  (a row of the walk)
    if row.seq != count:
        yield Finding("audit sequence", None, row.seq, f"it is number {count} of the log")
    spoiled = unreadable(row)
    for name, value in spoiled:
        yield Finding("unreadable", None, row.seq, f"its {name} is “{value}”")
    if spoiled:
        return
    if audit.audit_hash(key, before, row._mapping) != row.hash:  # noqa: SLF001  (the row's public mapping)
        yield Finding("audit chain", None, row.seq, "its content or the row before it is not what was sealed")
    if row.details_seq is None:
        yield Finding("audit details", None, row.seq, "its details are missing")
    elif row.erased_at is None and audit.details_digest(row.salt or b"", row.details or {}) != row.details_digest:
        yield Finding("audit details", None, row.seq, "its details are not what was sealed")
