"""The verdicts that the review shows: the first of each outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

from creditapp.services.imports import Outcome, Verdict

SHOWN_MAX = 1000
"""How many lines of each outcome are shown; the report counts them all."""


@dataclass(slots=True)
class Lists:
    """The first verdicts of each outcome, in the order of the file."""

    of: dict[Outcome, list[Verdict]] = field(default_factory=lambda: {outcome: [] for outcome in Outcome})

    def add(self, verdict: Verdict) -> None:
        """Hear the verdict on a line."""
        if len(self.of[verdict.outcome]) < SHOWN_MAX:
            self.of[verdict.outcome].append(verdict)

    def choose(self, wanted: str) -> Outcome:
        """Return the outcome that was asked for; else the first that has lines, problems before all."""
        for outcome in Outcome:
            if outcome.name.lower() == wanted:
                return outcome
        order = (Outcome.REFUSED, Outcome.NEW, Outcome.UNCHANGED)
        return next((outcome for outcome in order if self.of[outcome]), Outcome.NEW)
