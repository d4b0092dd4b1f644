"""Seals: once a day the heads of the histories go into a file outside the database, so that a cut tail is missed.

The heads are those of every customer's entries and the one of the audit log.

Whoever can write the database and knows it well can take the newest entries away and set the heads back: what is left
is whole in itself. A seal remembers what stood there. Each line of the file carries a MAC under the ledger's key over
itself and the MAC before it, so a line cannot be changed, forged or taken out of the middle.

What the file cannot tell: that lines are missing at its end, or that all of it is gone. The database knows nothing of
it, so that nobody who writes the database can talk it into silence. Keep copies of the file elsewhere. And it tells
only of entries made before the last seal: those of the running day are not in it yet.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import func, select

from creditapp.db import ledger_key, now
from creditapp.models import AuditHead, CreditAccount, Setting
from creditapp.services.ledger import zone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FILE = "seals.jsonl"
"""The name of the file in the instance folder."""
MARGIN = timedelta(days=1)
"""What changed so long before the last seal is sealed again: for entries that committed late and clocks set back."""
HEADS_AT_ONCE = 5000
"""How many heads one line holds; a seal of more takes several lines, and its last one holds the sums."""
TAIL_BYTES = 65_536
_MAC_CHARS = 64
_BEFORE_THE_FIRST = b"0" * _MAC_CHARS
_MAC_MARK = b',"mac":"'
_END = b'"}\n'


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. `facts` is None when the line is not as it was written."""

    number: int
    facts: dict[str, Any] | None

    @property
    def closes(self) -> bool:
        """Whether a seal ends here; the line then holds the sums."""
        return self.facts is not None and "customers" in self.facts


def is_due(session: Session, path: Path, moment: datetime) -> bool:
    """Return whether the last whole seal is of an earlier day than `moment`, on the panel's calendar."""
    name = session.execute(select(Setting.time_zone).where(Setting.id == 1)).scalar_one()
    last = last_sealed_at(ledger_key(session), path)
    return last is None or _day(last, name) < _day(moment, name)


def seal(session: Session, path: Path, moment: datetime) -> int:
    """Append a seal of what has changed since the last one, and return how many heads it holds.

    The session must see committed rows only, as `snapshot` gives it. Repeating it adds a seal of the same. While
    nothing has happened, no entry and no act, nothing is written.
    """
    sums = _sums(session)
    if not sums["customers"] and not sums["audit"][0]:
        return 0
    key, at = ledger_key(session), min(moment, now(session)).isoformat()
    last = last_sealed_at(key, path)
    count = 0
    with _appending(path) as (file, ended_in):
        before = ended_in
        for heads in _changed(session, None if last is None else last - MARGIN):
            before = _write(file, key, before, {"at": at, "heads": heads})
            count += len(heads)
        _write(file, key, before, {"at": at, **sums})
    return count


def read(key: bytes, path: Path) -> Iterator[Line]:
    """Yield the lines of the file, from the first. A line without its end is one that is being written, or torn."""
    if not path.exists():
        return
    before = _BEFORE_THE_FIRST
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield Line(number, _facts(key, before, line))
            before = _mac_of(line)


def last_sealed_at(key: bytes, path: Path) -> datetime | None:
    """Return the moment of the last whole seal."""
    facts = last_facts(key, path)
    return None if facts is None else datetime.fromisoformat(facts["at"])


def last_facts(key: bytes, path: Path) -> dict[str, Any] | None:
    """Return the line that closes the last whole seal: its moment, the sums and where the audit log stood."""
    tail = _tail(path)
    facts = _facts(key, _mac_of(tail[-2]), tail[-1]) if len(tail) > 1 else None
    if facts is not None and "customers" in facts:
        return facts
    closing = [line.facts for line in read(key, path) if line.closes]
    return closing[-1] if closing else None


def _sums(session: Session) -> dict[str, Any]:
    c = CreditAccount
    customers, entries = session.execute(select(func.count(), func.sum(c.entry_seq)).where(c.entry_seq > 0)).one()
    head = session.execute(select(AuditHead.seq, AuditHead.hash)).one()
    return {"customers": customers, "entries": int(entries or 0), "audit": [head.seq, head.hash.hex()]}


def _changed(session: Session, since: datetime | None) -> Iterator[list[list[Any]]]:
    c = CreditAccount
    statement = select(c.customer_id, c.entry_seq, c.head_hash).where(c.entry_seq > 0).order_by(c.customer_id)
    if since is not None:
        statement = statement.where(c.changed_at > since)
    options = {"yield_per": HEADS_AT_ONCE}
    with session.connection().execute(statement, execution_options=options) as rows:
        for part in rows.partitions():
            yield [[customer_id, seq, head.hex()] for customer_id, seq, head in part]


@contextmanager
def _appending(path: Path) -> Iterator[tuple[BinaryIO, bytes]]:
    """Yield the file, which nobody else appends to meanwhile, and the MAC it ends in; take back what fails."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        tail = _tail(path)
        file.seek(_whole_bytes(file))
        file.truncate()
        begun_at = file.tell()
        try:
            yield file, _mac_of(tail[-1]) if tail else _BEFORE_THE_FIRST
            file.flush()
            os.fsync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, begun_at)
            raise


def _whole_bytes(file: BinaryIO) -> int:
    """Return where the last whole line ends: a line that the power cut short is written anew."""
    position = file.seek(0, os.SEEK_END)
    while position:
        start = max(0, position - TAIL_BYTES)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def _tail(path: Path) -> list[bytes]:
    """Return the last whole lines of the file, the first of them perhaps without its beginning."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        end = _whole_bytes(file)
        start = max(0, end - TAIL_BYTES)
        file.seek(start)
        lines = [line + b"\n" for line in file.read(end - start).split(b"\n")[:-1]]
    return lines if start else [_BEFORE_THE_FIRST + _END, *lines] if lines else []


def _write(file: BinaryIO, key: bytes, before: bytes, facts: dict[str, Any]) -> bytes:
    body = json.dumps(facts, separators=(",", ":")).encode()[:-1]
    mac = _mac(key, before, body)
    file.write(body + _MAC_MARK + mac + _END)
    return mac


def _facts(key: bytes, before: bytes, line: bytes) -> dict[str, Any] | None:
    body = line[: -len(_MAC_MARK) - _MAC_CHARS - len(_END)]
    if not hmac.compare_digest(line, body + _MAC_MARK + _mac(key, before, body) + _END):
        return None
    facts: dict[str, Any] = json.loads(line)
    return facts


def _mac(key: bytes, before: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"seal" + before + body, "sha256").hex().encode()


def _mac_of(line: bytes) -> bytes:
    """Return the MAC a line ends in, or what stands in its place."""
    return line[-len(_END) - _MAC_CHARS : -len(_END)]


def _day(moment: datetime, zone_name: str) -> date:
    return moment.astimezone(zone(zone_name)).date()
