"""Issuing an invoice together with what follows at once: credit is used on it as the rule allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import CreditAccount, Invoice, InvoiceKind, InvoiceStatus
from creditapp.services import request_keys
from creditapp.services.credits.applying import Applied, apply_automatically, read_rules
from creditapp.services.credits.rule import Trigger
from creditapp.services.invoices.lines import Line
from creditapp.services.invoices.making import Made, create, edit, issue
from creditapp.services.mails import issued

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

_SCOPE = "invoice"


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice as it has been saved; `applied` is what became of credit, None where nothing was decided now."""

    id: int
    applied: Applied | None = None


def create_with_credit(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    invoice_id: int,
    lines: Sequence[Line],
    *,
    by: Actor,
    key: str,
    is_draft: bool = False,
    due_on: date | None = None,
    note: str = "",
) -> Issued:
    """Make an invoice as `create` does; unless it is a draft, use credit on it as for any new invoice.

    The same key again returns the invoice that it made, and decides nothing anew.
    """
    read_rules(session)
    made: Made = create(
        session,
        customer_id,
        invoice_id,
        lines,
        by=by,
        key=key,
        kind=InvoiceKind.MANUAL,
        is_draft=is_draft,
        due_on=due_on,
        note=note,
    )
    if made.replayed or is_draft:
        return Issued(made.id)
    applied = apply_automatically(session, customer_id, made.id, trigger=Trigger.NEW)
    issued.tell(session, customer_id, made.id)
    return Issued(made.id, applied)


def revise(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    invoice_id: int,
    lines: Sequence[Line],
    *,
    by: Actor,
    key: str,
    version: int,
    is_draft: bool = True,
    due_on: date | None = None,
    note: str = "",
) -> Issued:
    """Save a draft as `edit` does; unless it stays one, issue it and use credit on it. The same key saves it once."""
    content = (customer_id, invoice_id, version, is_draft, str(due_on), note, [repr(line) for line in lines], by.id)
    read_rules(session)
    if request_keys.claim(session, _SCOPE, key, content) is not None:
        return Issued(invoice_id)
    edit(session, customer_id, invoice_id, lines, by=by, version=version, due_on=due_on, note=note)
    if is_draft:
        return Issued(invoice_id)
    return issue_with_credit(session, customer_id, invoice_id, by=by)


def issue_with_credit(
    session: Session, customer_id: int, invoice_id: int, *, by: Actor, version: int | None = None
) -> Issued:
    """Issue a draft as `issue` does, and use credit on it. What has been issued before is left as it is."""
    read_rules(session)
    session.execute(select(CreditAccount.customer_id).where(CreditAccount.customer_id == customer_id).with_for_update())
    i = Invoice
    status = session.execute(select(i.status).where(i.customer_id == customer_id, i.id == invoice_id)).scalar()
    issue(session, customer_id, invoice_id, by=by, version=version)
    if status != InvoiceStatus.DRAFT:
        return Issued(invoice_id)
    applied = apply_automatically(session, customer_id, invoice_id, trigger=Trigger.NEW)
    issued.tell(session, customer_id, invoice_id)
    return Issued(invoice_id, applied)
