"""What an import says: a verdict on each line, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from creditapp.errors import DomainError, Money

BAD_LINES_MAX = 1000
"""How many refused lines a report keeps; it counts them all."""


class Outcome(StrEnum):
    """What becomes of a line."""

    NEW = "new"
    UNCHANGED = "already there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell, or with the whole line where `column` is empty; `sentence` is safe to show."""

    column: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the line that begins at `line` of the file, as a text editor counts (the first line is 1)."""

    line: int
    outcome: Outcome
    external_id: str = ""
    name: str = ""
    opening_minor: int = 0
    problems: tuple[Problem, ...] = ()
    remark: str = ""
    """What the person should know although the line is in order."""

    @property
    def sentence(self) -> str:
        """The verdict in words, for a list or a terminal."""
        if self.outcome is not Outcome.REFUSED:
            return f"{self.outcome}{': ' if self.remark else ''}{self.remark}"
        told = "; ".join(f"{p.column}: {p.sentence}" if p.column else p.sentence for p in self.problems)
        return f"refused: {told}"


@dataclass(slots=True)
class Report:
    """What a file comes to. `opening_minor` sums the opening balances of its new customers."""

    currency: str = ""
    lines: int = 0
    new: int = 0
    unchanged: int = 0
    refused: int = 0
    opening_minor: int = 0
    ignored_columns: tuple[str, ...] = ()
    bad: list[Verdict] = field(default_factory=list)
    """The first refused lines."""
    replayed: bool = False
    """The same import was carried out before, under the same key; this is what it came to."""

    def add(self, verdict: Verdict) -> None:
        """Count a verdict in."""
        self.lines += 1
        if verdict.outcome is Outcome.NEW:
            self.new += 1
            self.opening_minor += verdict.opening_minor
        elif verdict.outcome is Outcome.UNCHANGED:
            self.unchanged += 1
        else:
            self.refused += 1
            if len(self.bad) < BAD_LINES_MAX:
                self.bad.append(verdict)


class ImportRefusedError(DomainError):
    """Some lines of a file are refused, so none was imported. `report` names them."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        count = self.report.refused
        lines = "1 line is" if count == 1 else f"{count:,} lines are"
        return f"{lines} refused, so nothing was imported. Correct the file and import it again."
