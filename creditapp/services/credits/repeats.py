"""What looks like a repeat of a short while ago: the same amount, the same ticket, downtime of the same subscription.

The newest `ENTRIES_SEARCHED` entries of the customer are searched, and of those the ones within the panel's window of
days count. So the window is searched in full unless the customer has more entries in it than that; and a customer with
a million entries costs no more than one with a thousand (docs/performance.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, literal_column, select

from creditapp.errors import DowntimeRepeatedError, DuplicateAdjustmentError
from creditapp.models import CreditAccount, CreditEntry, CreditEntryText, Staff
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import ledger
from creditapp.statements import Call, Outcome, Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creditapp.services.ledger import Panel

ENTRIES_SEARCHED = 1000
"""How many of the customer's newest entries are searched for a repeat."""


def calls(customer_id: int, amount_minor: int, ticket_ref: str) -> list[Call]:
    """Return what to ask for `check`."""
    is_possible = type(amount_minor) is int and abs(amount_minor) <= AMOUNT_MINOR_MAX
    alike_minor = amount_minor if is_possible else 0  # like none there is; it is refused further on
    asked = [_SAME_AMOUNT(customer_id=customer_id, amount_minor=alike_minor)]
    if ticket_ref:
        asked.append(_SAME_TICKET(customer_id=customer_id, ticket=ticket_ref))
    return asked


def check(asked: Sequence[Outcome], panel: Panel, moment: datetime, customer_id: int) -> None:
    """Refuse what looks like a repeat within the panel's window.

    Raises:
        DuplicateAdjustmentError: there is an entry alike, and nothing of it has been reversed since.
    """
    alike = [(*row, is_ticket) for is_ticket, outcome in enumerate(asked) for row in outcome.rows]
    if not alike or panel.duplicate_window_days == 0:
        return
    seq, amount_minor, posted_at, maker, is_ticket = max(alike, key=lambda row: (row[0], row[-1]))
    if posted_at < moment - timedelta(days=panel.duplicate_window_days):
        return
    raise DuplicateAdjustmentError(
        reference=ledger.reference(customer_id, seq),
        amount_minor=amount_minor,
        by=maker or "the system",
        days=panel.duplicate_window_days,
        same_ticket=bool(is_ticket),
    )


def downtime_calls(customer_id: int, subscription_id: int) -> list[Call]:
    """Return what to ask for `check_downtime`."""
    return [_SAME_SUBSCRIPTION(customer_id=customer_id, subscription_id=subscription_id)]


def check_downtime(asked: Sequence[Outcome], panel: Panel, moment: datetime, customer_id: int) -> None:
    """Refuse to credit a subscription for downtime again within the panel's window.

    Raises:
        DowntimeRepeatedError: it has been, and nothing of that has been reversed since.
    """
    for seq, amount_minor, posted_at, maker in (row for outcome in asked for row in outcome.rows):
        if panel.duplicate_window_days and posted_at >= moment - timedelta(days=panel.duplicate_window_days):
            raise DowntimeRepeatedError(
                reference=ledger.reference(customer_id, seq),
                amount_minor=amount_minor,
                by=maker or "the system",
                days=panel.duplicate_window_days,
            )


def _select_newest(
    of: type[CreditEntry | CreditEntryText],
    *alike: ColumnElement[bool],
    kinds: Sequence[str] = ("added", "removed"),
) -> Select[*tuple[Any, ...]]:
    """Select the newest adjustment alike of which nothing has been reversed, walking down the numbers of `of`.

    The numbers are bounded on both sides, and no limit is a parameter: so PostgreSQL sees how few rows it is about,
    and plans it once.
    """
    e, account = CreditEntry, CreditAccount
    later = CreditEntry.__table__.alias("later")
    customer = bindparam("customer_id", type_=BigInteger())
    last = select(account.entry_seq).where(account.customer_id == customer).scalar_subquery()
    maker = select(Staff.name).where(e.actor == literal_column("'staff'"), Staff.id == e.actor_id).scalar_subquery()
    is_reversed = select(later.c.seq).where(later.c.customer_id == customer, later.c.reversed_seq == e.seq).exists()
    return (
        select(e.seq, e.amount_minor, e.posted_at, maker)
        .where(
            e.customer_id == customer,
            of.seq > last - literal_column(str(ENTRIES_SEARCHED)),
            of.seq <= last,
            *alike,
            e.kind.in_([literal_column(f"'{kind}'") for kind in kinds]),
            ~is_reversed,
        )
        .order_by(of.seq.desc())
        .limit(literal_column("1"))
    )


_SAME_AMOUNT = Prepared(_select_newest(CreditEntry, CreditEntry.amount_minor == bindparam("amount_minor")))
_SAME_TICKET = Prepared(
    _select_newest(
        CreditEntryText,
        CreditEntryText.customer_id == bindparam("customer_id"),
        CreditEntryText.seq == CreditEntry.seq,
        CreditEntryText.ticket_ref == bindparam("ticket"),
    )
)
_SAME_SUBSCRIPTION = Prepared(
    _select_newest(CreditEntry, CreditEntry.subscription_id == bindparam("subscription_id"), kinds=("downtime",))
)
