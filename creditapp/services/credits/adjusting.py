"""Giving and taking credit: by an amount, or to a balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creditapp.db import now
from creditapp.errors import BalanceMovedError, BalanceUnchangedError
from creditapp.models import Kind
from creditapp.services import ledger
from creditapp.services.credits import repeats, rules
from creditapp.services.credits.rules import Why
from creditapp.services.ledger import Account, Entry, Panel, Posting
from creditapp.statements import Call, Outcome

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


def adjust(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    amount_minor: int,
    *,
    reason_id: int,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
    ticket_ref: str = "",
    duplicates_ok: bool = False,
) -> Entry:
    """Add credit (plus) or remove it (minus), with a reason and a note, and return the entry.

    What is added becomes a lot of the reason's class and expiry; what is removed is drawn from usable lots in
    drawdown order.

    Raises:
        InsufficientCreditError, BalanceLimitError, AmountRangeError: the amount does not fit the balance.
        ReasonError, NoteRequiredError: the reason does not fit, or asks for a note.
        AuthorityLimitError, StaffDisabledError, OwnAccountError: this person may not.
        DuplicateAdjustmentError: it looks like a repeat, and `duplicates_ok` is not set.
        KeyReusedError: the key has posted something else.
    """
    content = ("adjust", amount_minor, reason_id, note, customer_note, ticket_ref, by.kind, by.id)
    alike = [] if duplicates_ok else repeats.calls(customer_id, amount_minor, ticket_ref)
    desk = _open(session, customer_id, key, content, *alike, reason_id=reason_id, by=by, debit=amount_minor < 0)
    if desk.account.posted is not None:
        return desk.account.posted
    why = desk.check(amount_minor, note)
    repeats.check(desk.more, desk.panel, now(session), customer_id)
    posting = Posting(
        kind=Kind.ADDED if amount_minor > 0 else Kind.REMOVED,
        amount_minor=amount_minor,
        description="Credit Added" if amount_minor > 0 else "Credit Removed",
        by=by,
        key=key,
        content=content,
        note=note,
        customer_note=customer_note or why.customer_text,
        ticket_ref=ticket_ref,
        **why.terms(desk.panel, now(session)),
    )
    return ledger.post(session, desk.account, desk.panel, posting)


def set_balance(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    target_minor: int,
    *,
    seen_minor: int,
    reason_id: int,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
) -> Entry:
    """Post the difference between the balance and `target_minor` as a *Balance Correction*, and return the entry.

    `seen_minor` is the balance the form showed. A downward correction may also take credit that has expired.

    Raises:
        BalanceMovedError: the balance is not what the form showed.
        BalanceUnchangedError: there is no difference.
        What `adjust` raises, but for repeats.
    """
    content = ("set_balance", target_minor, seen_minor, reason_id, note, customer_note, by.kind, by.id)
    desk = _open(session, customer_id, key, content, reason_id=reason_id, by=by)
    if desk.account.posted is not None:
        return desk.account.posted
    balance_minor = desk.account.balance_minor
    if balance_minor != seen_minor:
        raise BalanceMovedError(seen_minor=seen_minor, balance_minor=balance_minor)
    if balance_minor == target_minor:
        raise BalanceUnchangedError(balance_minor=balance_minor)
    why = desk.check(target_minor - balance_minor, note)
    posting = Posting(
        kind=Kind.CORRECTION,
        amount_minor=target_minor - balance_minor,
        description="Balance Correction",
        by=by,
        key=key,
        content=content,
        draws_expired=True,
        note=note,
        customer_note=customer_note or why.customer_text,
        **why.terms(desk.panel, now(session)),
    )
    return ledger.post(session, desk.account, desk.panel, posting)


@dataclass(frozen=True, slots=True)
class _Desk:
    """An account that is open, with what decides whether this person may adjust it for this reason."""

    account: Account
    panel: Panel
    reason: Outcome
    authority: Sequence[Outcome]
    more: Sequence[Outcome]
    """What came of the calls that one verb alone asks."""

    def check(self, amount_minor: int, note: str) -> Why:
        """Return the reason, if it fits and this person may post so much."""
        why = rules.check_reason(self.reason, amount_minor, note)
        rules.check_authority(self.authority, amount_minor, self.account.customer_id)
        return why


def _open(
    session: Session,
    customer_id: int,
    key: str,
    content: tuple[Any, ...],
    *more: Call,
    reason_id: int,
    by: Actor,
    debit: bool = True,
) -> _Desk:
    also = [*more, rules.reason_call(reason_id), *rules.authority_calls(by, customer_id)]
    account, panel, asked = ledger.open_account(session, customer_id, key, content, *also, debit=debit)
    count = len(more)
    return _Desk(account, panel, asked[count], asked[count + 1 :], asked[:count])
