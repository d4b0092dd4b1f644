"""What customers are told of entries in the ledger: credit that was added, and a balance that has become low."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from creditapp.models import Kind, MailEvent
from creditapp.services.mails.queueing import Notice, queue_many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.ledger.terms import Entry, Panel, Posting

_RECEIVED = {
    *(Kind.ADDED, Kind.CORRECTION, Kind.OVERPAYMENT, Kind.DUPLICATE_PAYMENT, Kind.LOOSE_PAYMENT, Kind.INVOICE_REFUND),
    *(Kind.TOP_UP, Kind.DOWNTIME, Kind.PROMO, Kind.REFERRAL, Kind.TRANSFER_IN),
}
"""What a customer is told of. Opening balances and mergers are ours alone; what comes back was there before."""
_USED = {
    *(Kind.REMOVED, Kind.CORRECTION, Kind.APPLIED, Kind.EXPIRED, Kind.CREDIT_REFUND, Kind.CHARGEBACK),
    Kind.TRANSFER_OUT,
}
"""What may leave a balance low."""


def tell(session: Session, panel: Panel, posted: Iterable[tuple[Posting, Entry]]) -> None:
    """Have customers told of these entries, unless they are quiet.

    That a balance is low is told by the entry that takes it below the limit: so once, until it has been above again.
    """
    if not panel.has_mail:
        return
    loud = [(posting, entry) for posting, entry in posted if not posting.is_quiet]
    received = [(posting, entry) for posting, entry in loud if posting.amount_minor > 0 and posting.kind in _RECEIVED]
    queue_many(session, MailEvent.CREDIT_RECEIVED, [_received(told) for told in _together(received)])
    limit_minor = panel.low_balance_minor if panel.credits_enabled else 0
    queue_many(
        session,
        MailEvent.LOW_BALANCE,
        [
            Notice(
                entry.customer_id,
                f"low:{entry.customer_id}:{entry.seq}",
                {"balance": entry.balance_after_minor, "limit": limit_minor},
            )
            for posting, entry in loud
            if posting.kind in _USED
            and entry.balance_after_minor < limit_minor <= entry.balance_after_minor - entry.amount_minor
        ],
    )


def _together(received: Iterable[tuple[Posting, Entry]]) -> Iterable[list[tuple[Posting, Entry]]]:
    """Return what each mail is about: what one batch gave a customer goes into one."""
    mails: dict[tuple[int, int], list[tuple[Posting, Entry]]] = {}
    for posting, entry in received:
        mails.setdefault((entry.customer_id, 0 if posting.batch_id else entry.seq), []).append((posting, entry))
    return mails.values()


def _received(told: list[tuple[Posting, Entry]]) -> Notice:
    """Return what is said of credit that was added: the line for the customer, never the note that staff keep."""
    first, last = told[0][1], told[-1][1]
    texts = dict.fromkeys(posting.customer_note or posting.description for posting, _entry in told)
    return Notice(
        first.customer_id,
        f"credit:{first.customer_id}:{first.seq}",
        {
            "amount": sum(entry.amount_minor for _posting, entry in told),
            "balance": last.balance_after_minor,
            "text": "\n".join(texts),
        },
    )
