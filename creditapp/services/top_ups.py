"""Add Funds: how much a customer may pay in ahead, and the invoice that asks for it.

Paid, such an invoice becomes credit (`payments.record`): what was paid for it, to the cent. It is never paid with
credit, and no code goes with it. See docs/decisions/0016.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, cast, func, select

from creditapp.errors import (
    CustomerNotFoundError,
    InvoiceNotFoundError,
    InvoiceStateError,
    PaymentUnderwayError,
    TopUpClosedError,
    TopUpRangeError,
)
from creditapp.models import CreditAccount, Invoice, InvoiceKind, InvoiceStatus, Setting, Subscription
from creditapp.models import SubscriptionStatus as Status
from creditapp.money import BALANCE_MINOR_MAX
from creditapp.services import customers, invoices, survivors
from creditapp.services.invoices import Line
from creditapp.services.mails import issued as mails

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

DESCRIPTION = "Add Funds"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be added now; minor units. With an obstacle, a sentence that says which, nothing may."""

    min_minor: int
    most_minor: int
    obstacle: str = ""
    unpaid_id: int | None = None
    """The Add Funds invoice that is to be paid first, where that is the obstacle."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An Add Funds invoice that was made; `replayed`: earlier, under the same key."""

    invoice_id: int
    amount_minor: int
    replayed: bool = False


def limits(session: Session, customer_id: int, *, by_staff: bool = False) -> Limits:
    """Return how much the customer may add now; for a page, or inside `ask`, which has locked what it depends on.

    The highest balance counts what is on its way: the invoices that add funds and are not paid yet. `by_staff`: whether
    customers may do it by themselves, and what they must have ordered, does not matter.

    Raises:
        CustomerNotFoundError: there is no such customer.
    """
    s = session.execute(select(*_TERMS).where(Setting.id == 1)).one()
    a = CreditAccount
    account = session.execute(
        select(a.balance_minor, a.frozen_at, a.closed_at).where(a.customer_id == customer_id)
    ).one_or_none()
    if account is None:
        raise CustomerNotFoundError(customer_id)
    i = Invoice
    waiting = (i.customer_id == customer_id, i.kind == InvoiceKind.ADD_FUNDS, i.status == InvoiceStatus.UNPAID)
    pending = select(cast(func.coalesce(func.sum(i.total_minor), 0), BigInteger), func.min(i.id)).where(*waiting)
    pending_minor, oldest_id = session.execute(pending).one()
    unpaid_id: int | None = oldest_id
    balance_max_minor = s.balance_max_minor or BALANCE_MINOR_MAX
    room_minor = balance_max_minor - account.balance_minor - pending_minor
    most_minor = max(0, min(s.top_up_max_minor, room_minor))
    obstacle = ""
    if account.closed_at is not None:
        obstacle = "This account is closed: no funds can be added to it."
    elif not s.credits_enabled:
        obstacle = "Credits are switched off: no funds can be added now."
    elif not s.top_up_enabled and not by_staff:
        obstacle = "Adding funds is switched off."
    elif account.frozen_at is not None:
        obstacle = "The balance is frozen: no funds can be added now."
    elif unpaid_id is not None:
        obstacle = f"Add Funds invoice #{unpaid_id} is still unpaid: pay or cancel that one first."
    elif s.top_up_needs_order and not by_staff and not _has_active_order(session, customer_id):
        obstacle = "Funds can be added once there is an active order."
    elif most_minor < s.top_up_min_minor:
        obstacle = "The balance is as high as it may be: no deposit fits any more."
    return Limits(s.top_up_min_minor, most_minor, obstacle, unpaid_id)


def ask(session: Session, customer_id: int, invoice_id: int, amount_minor: int, *, by: Actor, key: str) -> Asked:
    """Make and issue the invoice that asks for these funds, under a number that was reserved for it.

    The same key again returns the invoice that it made. Of two at once, the second finds the first one unpaid.

    Raises:
        TopUpClosedError, TopUpRangeError: no funds can be added now, or not so many.
        CustomerNotFoundError, CustomerClosedError: there is no such customer, or no longer.
        FormReusedError: the key has made another invoice.
    """
    customers.lock_settings(session)
    a, i = CreditAccount, Invoice
    locked = session.execute(select(a.closed_at).where(a.customer_id == customer_id).with_for_update()).one_or_none()
    if locked is None:
        raise CustomerNotFoundError(customer_id)
    earlier = session.execute(select(i.id).where(i.customer_id == customer_id, i.key == key)).first()
    if earlier is None:
        if locked.closed_at is not None:
            raise survivors.closed_error(session, customer_id)
        may = limits(session, customer_id, by_staff=by.kind == "staff")
        if may.obstacle:
            raise TopUpClosedError(may.obstacle)
        if not may.min_minor <= amount_minor <= may.most_minor:
            raise TopUpRangeError(min_minor=may.min_minor, most_minor=may.most_minor)
    line = Line(description=DESCRIPTION, unit_minor=amount_minor, is_credit_automatic=False)
    made = invoices.create(session, customer_id, invoice_id, [line], by=by, key=key, kind=InvoiceKind.ADD_FUNDS)
    mails.tell(session, customer_id, made.id)
    return Asked(made.id, made.total_minor, made.replayed)


def give_up(session: Session, customer_id: int, invoice_id: int, *, by: Actor, key: str) -> None:
    """Cancel an Add Funds invoice that nobody is going to pay, so that another amount can be asked for. Repeatable.

    Raises:
        InvoiceNotFoundError: the customer has no such invoice.
        InvoiceStateError: it adds no funds, or has been paid.
        PaymentUnderwayError: a payment of it has been begun, and may still come.
    """
    a, i = CreditAccount, Invoice
    session.execute(select(a.customer_id).where(a.customer_id == customer_id).with_for_update())
    found = session.execute(
        select(i.kind, i.status, i.total_minor, i.payment_started_at)
        .where(i.customer_id == customer_id, i.id == invoice_id)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise InvoiceNotFoundError(invoice_id)
    if found.kind != InvoiceKind.ADD_FUNDS:
        raise InvoiceStateError(invoice_id, "adds no funds.")
    if found.payment_started_at is not None and found.status == InvoiceStatus.UNPAID:
        raise PaymentUnderwayError(invoice_id=invoice_id, amount_minor=found.total_minor)
    invoices.cancel(session, customer_id, invoice_id, by=by, key=key)


def _has_active_order(session: Session, customer_id: int) -> bool:
    s = Subscription
    active = select(s.id).where(s.customer_id == customer_id, s.status == Status.ACTIVE).limit(1)
    return session.execute(active).first() is not None


_TERMS = (
    *(Setting.credits_enabled, Setting.top_up_enabled, Setting.top_up_min_minor, Setting.top_up_max_minor),
    *(Setting.balance_max_minor, Setting.top_up_needs_order),
)
