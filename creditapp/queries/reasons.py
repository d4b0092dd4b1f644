"""Reasons, as a person who adjusts credit chooses among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import Direction, Reason
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    """One reason that can be chosen, and what choosing it means."""

    id: int
    name: str
    direction: str
    note_required: bool
    note_above_minor: int | None
    customer_text: str
    is_quiet: bool

    def fits(self, direction: Direction) -> bool:
        """Return whether it may be used that way."""
        return self.direction in {Direction.BOTH, direction}


def active(session: Session) -> list[ReasonChoice]:
    """Return the reasons that are switched on, in the order of the list."""
    return [ReasonChoice(*row) for row in run(session, _ACTIVE())[0].rows]


def default(reasons: list[ReasonChoice], direction: Direction) -> ReasonChoice | None:
    """Return the usual reason for this direction: the first that is only for it, or else for both."""
    fitting = [reason for reason in reasons if reason.fits(direction)]
    return next((reason for reason in fitting if reason.direction == direction), fitting[0] if fitting else None)


def for_corrections(reasons: list[ReasonChoice]) -> ReasonChoice | None:
    """Return the usual reason for setting a balance: for both directions, a quiet one before others."""
    both = sorted((reason for reason in reasons if reason.direction == Direction.BOTH), key=lambda r: not r.is_quiet)
    return both[0] if both else None


_ACTIVE = Prepared(
    select(
        *(Reason.id, Reason.name, Reason.direction, Reason.note_required, Reason.note_above_minor),
        *(Reason.customer_text, Reason.is_quiet),
    )
    .where(Reason.is_active)
    .order_by(Reason.position, Reason.id)
)
