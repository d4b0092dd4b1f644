"""What can still be done about an entry, so that a page draws no button that would be refused.

The services decide anew when the button is pressed; this only saves a person the refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_login import current_user

from creditapp.models import Kind
from creditapp.permissions import Permission, can
from creditapp.queries.authority import Authority
from creditapp.queries.entries import EntryFacts
from creditapp.services import ledger
from creditapp.services.credits.returning import HALVES
from creditapp.web.panel import current_panel


@dataclass(frozen=True, slots=True)
class Undoable:
    """How much of an entry can be taken back, and by which act."""

    most_minor: int = 0
    reverse: bool = False
    void: bool = False
    delete: bool = False
    take_back: bool = False
    """It is a half of a transfer, which is taken back with its other half."""
    why_not: str = ""
    """Why nothing can be done; empty when something can, or when there is nothing to explain."""


def undoable(entry: EntryFacts, rules: Authority) -> Undoable:
    """Return what the person who asks may do about the entry."""
    if not can(Permission.CREDIT_REVERSE):
        return Undoable()
    if entry.kind in HALVES:
        return _transfer(entry)
    why_not = _why_not(entry, rules)
    if why_not:
        return Undoable(why_not=why_not)
    left_minor = abs(entry.amount_minor) - entry.reversed_minor
    unused_minor = entry.lot_remaining_minor
    most_minor = left_minor if unused_minor is None else min(left_minor, unused_minor)
    is_untouched = entry.reversed_minor == 0 and unused_minor in {None, entry.amount_minor}
    return Undoable(
        most_minor=most_minor,
        reverse=True,
        void=unused_minor is not None and not is_untouched,
        delete=is_untouched,
    )


def words_of_undoing(entry: EntryFacts) -> str:
    """Return by what an entry was taken back, where it was: `reversed`, `voided`, or both."""
    if entry.voided_minor == 0:
        return "reversed"
    return "voided" if entry.voided_minor == entry.reversed_minor else "reversed and voided"


def _transfer(entry: EntryFacts) -> Undoable:
    """Return whether the transfer can be taken back, as far as this half of it tells."""
    if entry.is_undone:
        return Undoable(why_not="This transfer has been taken back.")
    is_used = entry.lot_remaining_minor not in {None, entry.amount_minor}
    if is_used:
        return Undoable(why_not="Some of this credit has been used: transfer back what is left.")
    if not can(Permission.CREDIT_TRANSFER):
        return Undoable(why_not="This is a half of a transfer. Ask a manager to take it back.")
    return Undoable(take_back=True)


def _why_not(entry: EntryFacts, rules: Authority) -> str:
    kind = Kind(entry.kind)
    if kind in {Kind.REVERSAL, Kind.VOID}:
        return f"This entry is a {kind} itself. Post a new adjustment to change the balance again."
    if not ledger.KINDS[kind].reversible:
        return "This entry is undone where it came from."
    if entry.is_undone or entry.lot_remaining_minor == 0:
        return _nothing_left(entry)
    is_own = (entry.actor, entry.actor_id) == ("staff", current_user.id)
    if rules.reverses_own_only and not (is_own and entry.day == current_panel().today()):
        return "You may reverse only what you posted yourself today. Ask a manager."
    return ""


def _nothing_left(entry: EntryFacts) -> str:
    if entry.is_undone:
        return f"This entry has been {words_of_undoing(entry)} in full."
    ends = [f"has been {words_of_undoing(entry)}"] if entry.reversed_minor else []
    ends += ["has expired"] if entry.expired_minor else []
    what = f"What was not used {' and '.join(ends)}" if ends else "All of this credit has been used"
    return f"{what}: there is nothing left to take back."
