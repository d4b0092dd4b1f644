"""When all of the books was proved last: a note beside the seals, since it is the database that was in doubt."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FILE = "verified.json"
"""The name of the file in the instance folder."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What `flask ledger verify` came to, and when."""

    at: datetime
    findings: int


def note(path: Path, moment: datetime, findings: int) -> None:
    """Remember what the proof came to; what was remembered before is replaced whole."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"at": moment.isoformat(), "findings": findings}, file)
    fresh.replace(path)


def last(path: Path) -> Verified | None:
    """Return what the last proof came to; None where there was none, or its note cannot be read."""
    try:
        facts = json.loads(path.read_text())
        return Verified(datetime.fromisoformat(facts["at"]), int(facts["findings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
