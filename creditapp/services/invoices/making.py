"""Making invoices: a draft that can still be edited, or issued at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from creditapp.db import now
from creditapp.errors import (
    CustomerNotFoundError,
    FormReusedError,
    InvoiceStateError,
    StaleFormError,
)
from creditapp.models import CreditAccount, InvoiceKind, InvoiceStatus, Setting
from creditapp.services import ledger, survivors
from creditapp.services.bills import (
    EVENTS,
    INVOICES,
    LINES,
    Bill,
    event_row,
    lock_call,
    move_on,
    read_bill,
    status,
    write,
)
from creditapp.services.invoices.lines import Line, Sums, price
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NOTE_CHARS_MAX = 1000
WHAT = "the invoice"


@dataclass(frozen=True, slots=True)
class Made:
    """An invoice that has been made; `replayed`: earlier, under the same key."""

    customer_id: int
    id: int
    status: str
    total_minor: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Terms:
    """The settings that matter to an invoice."""

    currency: str
    time_zone: str
    payment_terms_days: int
    prices_include_tax: bool

    def day(self, session: Session) -> date:
        return now(session).astimezone(ledger.zone(self.time_zone)).date()


def create(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    invoice_id: int,
    lines: Sequence[Line],
    *,
    by: Actor,
    key: str,
    kind: InvoiceKind = InvoiceKind.MANUAL,
    is_draft: bool = False,
    due_on: date | None = None,
    note: str = "",
) -> Made:
    """Make an invoice under a number that was reserved for it, as a draft or issued at once, and return it.

    No credit is used yet: `credits.apply_automatically` or `credits.apply` follows in the same transaction. What comes
    to nothing is paid when it is issued. Without `due_on` the panel's terms of payment decide.

    Raises:
        InvoiceAmountError: the lines come to no invoice.
        CustomerNotFoundError, CustomerClosedError: there is no such customer, or no more is charged to them.
        FormReusedError: the key has made something else.
    """
    closed_at = _lock_account(session, customer_id)
    content = (*_content(lines), str(kind), is_draft, str(due_on), note, by.kind, by.id)
    earlier = session.execute(
        select(INVOICES.c.id, INVOICES.c.status, INVOICES.c.total_minor, INVOICES.c.key_digest).where(
            INVOICES.c.customer_id == customer_id, INVOICES.c.key == key
        )
    ).first()
    if earlier is not None:
        if earlier.key_digest != ledger.content_digest(content):
            raise FormReusedError
        return Made(customer_id, earlier.id, earlier.status, earlier.total_minor, replayed=True)
    if closed_at is not None:
        raise survivors.closed_error(session, customer_id)
    terms = _terms(session)
    rows, sums = price(lines, is_gross=terms.prices_include_tax)
    its_status = InvoiceStatus.DRAFT if is_draft else status(sums.total_minor, 0, 0)
    moment = now(session)
    actions = ["created"] if is_draft else ["created", "issued"]
    session.execute(
        insert(INVOICES).values(
            customer_id=customer_id,
            id=invoice_id,
            kind=str(kind),
            status=str(its_status),
            currency=terms.currency,
            is_gross=terms.prices_include_tax,
            **_sums(sums),
            credit_minor=0,
            paid_minor=0,
            refunded_minor=0,
            issued_on=None if is_draft else terms.day(session),
            due_on=due_on if is_draft else due_on or terms.day(session) + timedelta(days=terms.payment_terms_days),
            paid_at=moment if its_status == InvoiceStatus.PAID else None,
            note=note,
            events=len(actions),
            actor=by.kind,
            actor_id=by.id,
            key=key,
            key_digest=ledger.content_digest(content),
            version=1,
            created_at=moment,
            updated_at=moment,
        )
    )
    session.execute(insert(LINES), _of(customer_id, invoice_id, rows))
    session.execute(
        insert(EVENTS),
        [
            event_row(customer_id, invoice_id, seq, moment, action, by, amount_minor=sums.total_minor)
            for seq, action in enumerate(actions, start=1)
        ],
    )
    if its_status == InvoiceStatus.PAID:
        move_on(session, customer_id, invoice_id)
    return Made(customer_id, invoice_id, its_status, sums.total_minor)


def edit(  # noqa: PLR0913
    session: Session,
    customer_id: int,
    invoice_id: int,
    lines: Sequence[Line],
    *,
    by: Actor,
    version: int,
    due_on: date | None = None,
    note: str = "",
) -> None:
    """Give a draft these lines; `version` is the one the form was opened on.

    Raises:
        StaleFormError: somebody else saved it meanwhile.
        InvoiceStateError: it has been issued.
        InvoiceAmountError, InvoiceNotFoundError: the lines come to no invoice; there is no such invoice.
    """
    _lock_open_account(session, customer_id)
    bill = _lock_draft(session, customer_id, invoice_id, version)
    terms = _terms(session)
    rows, sums = price(lines, is_gross=terms.prices_include_tax)
    session.execute(delete(LINES).where(LINES.c.customer_id == customer_id, LINES.c.invoice_id == invoice_id))
    session.execute(insert(LINES), _of(customer_id, invoice_id, rows))
    session.execute(_update(bill).values(**_sums(sums), is_gross=terms.prices_include_tax, due_on=due_on, note=note))
    write(session, bill.written(session, "edited", by, amount_minor=sums.total_minor))


def issue(session: Session, customer_id: int, invoice_id: int, *, by: Actor, version: int | None = None) -> Bill:
    """Issue a draft: it is owed from now on. Credit may follow, as after `create`. Safe to repeat.

    Raises:
        StaleFormError: somebody else saved the draft meanwhile.
        InvoiceStateError: it has been cancelled.
        InvoiceNotFoundError: there is no such invoice.
    """
    _lock_open_account(session, customer_id)
    bill = read_bill(run(session, lock_call(customer_id, invoice_id))[0], invoice_id)
    if bill.status in {InvoiceStatus.UNPAID, InvoiceStatus.PAID}:
        return bill
    bill = _lock_draft(session, customer_id, invoice_id, bill.version if version is None else version)
    terms = _terms(session)
    today = terms.day(session)
    bill.due_on = bill.due_on or today + timedelta(days=terms.payment_terms_days)
    session.execute(_update(bill).values(issued_on=today, due_on=bill.due_on))
    bill.settle(now(session))
    write(session, bill.written(session, "issued", by, amount_minor=bill.total_minor))
    if bill.status == InvoiceStatus.PAID:
        move_on(session, customer_id, invoice_id)
    return bill


def _lock_draft(session: Session, customer_id: int, invoice_id: int, version: int) -> Bill:
    bill = read_bill(run(session, lock_call(customer_id, invoice_id))[0], invoice_id)
    if bill.status != InvoiceStatus.DRAFT:
        raise InvoiceStateError(bill.id, "is no draft any more.")
    if bill.version != version:
        raise StaleFormError(WHAT)
    return bill


def _lock_account(session: Session, customer_id: int) -> datetime | None:
    """Lock the customer's account, and return when it was closed."""
    a = CreditAccount
    row = session.execute(select(a.closed_at).where(a.customer_id == customer_id).with_for_update()).one_or_none()
    if row is None:
        raise CustomerNotFoundError(customer_id)
    [closed_at] = row
    return closed_at


def _lock_open_account(session: Session, customer_id: int) -> None:
    if _lock_account(session, customer_id) is not None:
        raise survivors.closed_error(session, customer_id)


def _terms(session: Session) -> _Terms:
    s = Setting
    columns = (s.currency, s.time_zone, s.payment_terms_days, s.prices_include_tax)
    return _Terms(*session.execute(select(*columns).where(s.id == 1)).one())


def _update(bill: Bill) -> Any:  # noqa: ANN401  (an UPDATE to be completed)
    return update(INVOICES).where(INVOICES.c.customer_id == bill.customer_id, INVOICES.c.id == bill.id)


def _sums(sums: Sums) -> dict[str, int]:
    return {
        "net_minor": sums.net_minor,
        "tax_minor": sums.tax_minor,
        "total_minor": sums.total_minor,
        "eligible_minor": sums.eligible_minor,
    }


def _of(customer_id: int, invoice_id: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"customer_id": customer_id, "invoice_id": invoice_id, **row} for row in rows]


def _content(lines: Sequence[Line]) -> tuple[Any, ...]:
    return tuple([str(value) for value in astuple(one)] for one in lines)
