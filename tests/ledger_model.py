"""What the ledger ought to do, in a few lines of Python that know no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

CLASSES = ("promotional", "goodwill", "paid")


@dataclass
class ModelLot:
    seq: int
    class_: str
    left_minor: int
    expires_at: datetime | None

    @property
    def place(self) -> tuple[bool, datetime | None, int, int]:
        return self.expires_at is None, self.expires_at, CLASSES.index(self.class_), self.seq


@dataclass
class ModelEntry:
    seq: int
    kind: str
    amount_minor: int
    draws: dict[int, int] = field(default_factory=dict)
    """What it took (plus) from each lot or gave back (minus)."""
    reverses: int | None = None
    invoice: int | None = None


@dataclass
class Refused:
    """The name of the error with which the work is refused."""

    error: str


Result = tuple[int, int] | Refused
"""The entry's number and the balance after it, or the refusal."""


class Model:
    """One customer's ledger: a list of entries and a list of lots."""

    def __init__(self) -> None:
        self.entries: list[ModelEntry] = []
        self.lots: dict[int, ModelLot] = {}

    @property
    def balance_minor(self) -> int:
        return sum(entry.amount_minor for entry in self.entries)

    def adjust(self, now: datetime, amount_minor: int, class_: str, expires_at: datetime | None) -> Result:
        if amount_minor == 0:
            return Refused("AmountRangeError")
        kind = "added" if amount_minor > 0 else "removed"
        return self._post(now, kind, amount_minor, class_, expires_at)

    def set_balance(self, now: datetime, target_minor: int, seen_minor: int, class_: str) -> Result:
        if seen_minor != self.balance_minor:
            return Refused("BalanceMovedError")
        if target_minor == seen_minor:
            return Refused("BalanceUnchangedError")
        return self._post(now, "correction", target_minor - seen_minor, class_, None, expired_too=True)

    def reverse(self, seq: int, amount_minor: int | None, *, only_unused: bool = False) -> Result:
        entry = self._find(seq)
        if entry is None:
            return Refused("EntryNotFoundError")
        if entry.kind in {"reversal", "void"}:
            return Refused("NotReversibleError")
        lot, left_minor = self.lots.get(seq), abs(entry.amount_minor) - self._reversed(seq)
        if only_unused and (self._reversed(seq) or (lot and lot.left_minor != entry.amount_minor)):
            return Refused("EntryUsedError")
        most_minor = min(left_minor, lot.left_minor) if lot else left_minor
        wanted_minor = left_minor if amount_minor is None else amount_minor
        if not 0 < wanted_minor <= most_minor:
            return Refused("ReversalExceedsError")
        return self._undo(entry, "reversal", wanted_minor)

    def void(self, seq: int) -> Result:
        entry, lot = self._find(seq), self.lots.get(seq)
        if entry is None:
            return Refused("EntryNotFoundError")
        if entry.kind in {"reversal", "void"} or lot is None:
            return Refused("NotReversibleError")
        if lot.left_minor == 0:
            return Refused("ReversalExceedsError")
        return self._undo(entry, "void", lot.left_minor)

    def _post(
        self,
        now: datetime,
        kind: str,
        amount_minor: int,
        class_: str,
        expires_at: datetime | None,
        *,
        expired_too: bool = False,
    ) -> Result:
        seq, draws, left_minor = len(self.entries) + 1, {}, -amount_minor
        if amount_minor > 0:
            self.lots[seq] = ModelLot(seq, class_, amount_minor, expires_at)
        else:
            for lot in sorted(self.lots.values(), key=lambda lot: lot.place):
                if expired_too or lot.expires_at is None or lot.expires_at > now:
                    draws[lot.seq] = min(lot.left_minor, left_minor)
                    left_minor -= draws[lot.seq]
            if left_minor:
                return Refused("InsufficientCreditError")
        return self._keep(ModelEntry(seq, kind, amount_minor, draws))

    def _undo(self, entry: ModelEntry, kind: str, amount_minor: int) -> Result:
        seq, draws, left_minor = len(self.entries) + 1, {}, amount_minor
        if entry.seq in self.lots:
            return self._keep(ModelEntry(seq, kind, -amount_minor, {entry.seq: amount_minor}, entry.seq))
        for lot in sorted(self.lots.values(), key=lambda lot: lot.place, reverse=True):
            drawn_minor = sum(
                other.draws.get(lot.seq, 0) for other in self.entries if other is entry or other.reverses == entry.seq
            )
            draws[lot.seq] = -min(drawn_minor, left_minor)
            left_minor += draws[lot.seq]
        return self._keep(ModelEntry(seq, kind, amount_minor, draws, entry.seq))

    def _keep(self, entry: ModelEntry) -> Result:
        self.entries.append(entry)
        for lot_seq, amount_minor in entry.draws.items():
            self.lots[lot_seq].left_minor -= amount_minor
        return entry.seq, self.balance_minor

    def _find(self, seq: int) -> ModelEntry | None:
        return self.entries[seq - 1] if 0 < seq <= len(self.entries) else None

    def _reversed(self, seq: int) -> int:
        return sum(abs(entry.amount_minor) for entry in self.entries if entry.reverses == seq)
