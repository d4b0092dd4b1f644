"""Credit that has arrived is used on what its customer owes, where the panel's settings say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, bindparam, or_, select

from creditapp.models import Customer, Invoice, InvoiceStatus, Setting
from creditapp.services import sweeps
from creditapp.services.credits import Trigger
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


INVOICES_AT_ONCE = 50
"""Somebody waits for the page, and on SQLite everybody who writes."""


@dataclass(frozen=True, slots=True)
class Used:
    """Credit that was used on one invoice the moment it had arrived; minor units."""

    invoice_id: int
    amount_minor: int
    is_paid: bool
    balance_after_minor: int


def is_wanted(session: Session, customer_id: int) -> bool:
    """Return whether the rule may say yes now: something is owed, and nothing is switched off."""
    return bool(run(session, _OWING(its_customer=customer_id))[0].rows)


def use(session: Session, customer_id: int) -> list[Used]:
    """Use the customer's credit on open invoices, oldest due first, as far as the rule allows; return what was used.

    For the transaction after the one in which the credit arrived. Safe to repeat: what the rule allows is used once.
    Only the first `INVOICES_AT_ONCE` are looked at, until nothing is usable any more; the next tick goes on.

    Raises:
        CustomerClosedError: the customer has been closed.
    """
    used: list[Used] = []
    for invoice in sweeps.open_of(session, customer_id, most=INVOICES_AT_ONCE):
        applied = sweeps.use_on(session, invoice, Trigger.ARRIVAL)
        if applied.decision.usable_minor == 0:
            break
        if applied.entry is not None:
            amount_minor, after_minor = applied.decision.amount_minor, applied.entry.balance_after_minor
            used.append(Used(invoice.id, amount_minor, applied.is_paid, after_minor))
    return used


def _select_owing() -> Select[*tuple[Any, ...]]:
    """Select an unpaid invoice of a customer for whom arriving credit is used: by own word or by the panel’s."""
    s, c, i = Setting, Customer, Invoice
    is_used = or_(c.automatic_credit.is_(True), and_(c.automatic_credit.is_(None), s.automatic_on_arrival))
    return (
        select(i.id)
        .join(c, c.id == i.customer_id)
        .join(s, s.id == 1)
        .where(
            i.customer_id == bindparam("its_customer"),
            i.status == str(InvoiceStatus.UNPAID),
            s.credits_enabled,
            is_used,
        )
        .limit(1)
    )


_OWING = Prepared(_select_owing())
