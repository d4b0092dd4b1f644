"""What a file comes to, kept with its batch while its lines are judged chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from creditapp.models import LineFlag
from creditapp.services.imports.files import Table

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Totals:
    """Counts and sums of the lines that have been judged, in minor units; what is removed is counted as plus."""

    to_post: int = 0
    added_minor: int = 0
    removed_minor: int = 0
    refused: int = 0
    repeated: int = 0
    reasons: dict[str, list[int]] = field(default_factory=dict)
    """By the id of the reason: how many lines, added, removed."""
    causes: dict[str, int] = field(default_factory=dict)
    """How many lines were refused for what."""

    @property
    def lines(self) -> int:
        """How many lines have been judged."""
        return self.to_post + self.refused + self.repeated

    @property
    def included(self) -> int:
        """How many lines issuing the batch would post."""
        return self.to_post

    @property
    def sum_minor(self) -> int:
        """What they come to together; minus where more is taken than given."""
        return self.added_minor - self.removed_minor

    def count(self, lines: Iterable[Mapping[str, Any]], causes: Iterable[str]) -> None:
        """Count a chunk of lines in."""
        for line in lines:
            if line["flag"] == LineFlag.NONE:
                self._add(line["reason_id"], line["amount_minor"])
            elif line["flag"] == LineFlag.REPEATED:
                self.repeated += 1
            else:
                self.refused += 1
        for cause in causes:
            self.causes[cause] = self.causes.get(cause, 0) + 1

    def _add(self, reason_id: int, amount_minor: int) -> None:
        added, removed = max(amount_minor, 0), max(-amount_minor, 0)
        of_reason = self.reasons.setdefault(str(reason_id), [0, 0, 0])
        for place, more in enumerate((1, added, removed)):
            of_reason[place] += more
        self.to_post += 1
        self.added_minor += added
        self.removed_minor += removed


@dataclass(slots=True)
class Terms:
    """How the file of a batch is read, and what it has come to so far: the `terms` of the batch."""

    table: Table
    again: bool
    """Its lines are meant although they may have been posted before."""
    bytes: int
    totals: Totals = field(default_factory=Totals)

    def to_json(self) -> str:
        """Return the text that the batch keeps."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` made a text of."""
        kept = json.loads(text)
        table = Table(**{**kept["table"], "ignored": tuple(kept["table"]["ignored"])})
        return cls(table, kept["again"], kept["bytes"], Totals(**kept["totals"]))
