"""An invoice inside a transaction: locked, moved, and written back with a row of its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, insert, select, update

from creditapp.db import Base, now
from creditapp.errors import InvoiceNotFoundError
from creditapp.models import Invoice, InvoiceEvent, InvoiceLine, InvoiceStatus, PaymentAllocation
from creditapp.statements import Call, Outcome, Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

INVOICES = Base.metadata.tables[Invoice.__tablename__]
LINES = Base.metadata.tables[InvoiceLine.__tablename__]
EVENTS = Base.metadata.tables[InvoiceEvent.__tablename__]
ALLOCATIONS = Base.metadata.tables[PaymentAllocation.__tablename__]


def status(total_minor: int, credit_minor: int, paid_minor: int) -> InvoiceStatus:
    """Return what an issued invoice is: paid as soon as nothing is due. A CHECK says the same."""
    return InvoiceStatus.PAID if credit_minor + paid_minor == total_minor else InvoiceStatus.UNPAID


@dataclass(slots=True)
class Bill:
    """A locked invoice, as it is now and as this transaction moves it."""

    customer_id: int
    id: int
    kind: str
    status: str
    total_minor: int
    eligible_minor: int
    credit_minor: int
    paid_minor: int
    refunded_minor: int
    due_on: date | None
    paid_at: datetime | None
    closed_at: datetime | None
    payment_started_at: datetime | None
    subscription_id: int | None
    events: int
    version: int

    @property
    def due_minor(self) -> int:
        """What is still to be paid; nothing on a draft and on what was cancelled or refunded."""
        return self.total_minor - self.credit_minor - self.paid_minor if self.status == InvoiceStatus.UNPAID else 0

    def settle(self, moment: datetime) -> None:
        """Let the status follow the amounts."""
        was = self.status
        self.status = status(self.total_minor, self.credit_minor, self.paid_minor)
        if self.status != was:
            self.paid_at = moment if self.status == InvoiceStatus.PAID else None

    def written(
        self,
        session: Session,
        action: str,
        by: Actor,
        *,
        amount_minor: int | None = None,
        entry_seq: int | None = None,
        payment_id: int | None = None,
        facts: dict[str, Any] | None = None,
    ) -> list[Call]:
        """Return what writes the invoice as it is now, and the row of its history that says why."""
        moment = now(session)
        self.events += 1
        self.version += 1
        return [
            UPDATE(
                its_customer=self.customer_id,
                its_id=self.id,
                version_before=self.version - 1,
                status=str(self.status),
                credit_minor=self.credit_minor,
                paid_minor=self.paid_minor,
                refunded_minor=self.refunded_minor,
                paid_at=self.paid_at,
                closed_at=self.closed_at,
                events=self.events,
                version=self.version,
                updated_at=moment,
            ),
            INSERT_EVENT(
                **event_row(
                    self.customer_id,
                    self.id,
                    self.events,
                    moment,
                    action,
                    by,
                    amount_minor=amount_minor,
                    entry_seq=entry_seq,
                    payment_id=payment_id,
                    facts=facts,
                )
            ),
        ]


def event_row(  # noqa: PLR0913  (one argument for each column)
    customer_id: int,
    invoice_id: int,
    seq: int,
    moment: datetime,
    action: str,
    by: Actor,
    *,
    amount_minor: int | None = None,
    entry_seq: int | None = None,
    payment_id: int | None = None,
    facts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one row of an invoice's history."""
    return {
        "customer_id": customer_id,
        "invoice_id": invoice_id,
        "seq": seq,
        "at": moment,
        "action": action,
        "amount_minor": amount_minor,
        "entry_seq": entry_seq,
        "payment_id": payment_id,
        "facts": facts,
        "actor": by.kind,
        "actor_id": by.id,
    }


def lock_call(customer_id: int, invoice_id: int) -> Call:
    """Return what locks the invoice and reads it; the account is locked before."""
    return LOCK(customer_id=customer_id, invoice_id=invoice_id)


def read_bill(locked: Outcome, invoice_id: int) -> Bill:
    """Return the invoice that `lock_call` found.

    Raises:
        InvoiceNotFoundError: this customer has none of that number.
    """
    if not locked.rows:
        raise InvoiceNotFoundError(invoice_id)
    return Bill(*locked.rows[0])


def write(session: Session, calls: list[Call]) -> None:
    """Write what `Bill.written` returned where no entry goes with it."""
    if any(outcome.touched != 1 for outcome in run(session, *calls)):
        raise RuntimeError("A row of the invoice was not where it should be.")


def select_bill() -> Select[Any]:
    """Select what a `Bill` is made of."""
    c = INVOICES.c
    return select(
        *(c.customer_id, c.id, c.kind, c.status, c.total_minor, c.eligible_minor, c.credit_minor, c.paid_minor),
        *(c.refunded_minor, c.due_on, c.paid_at, c.closed_at, c.payment_started_at, c.subscription_id, c.events),
        c.version,
    )


LOCK = Prepared(
    select_bill()
    .where(INVOICES.c.customer_id == bindparam("customer_id"), INVOICES.c.id == bindparam("invoice_id"))
    .with_for_update()
)
UPDATE = Prepared(
    update(INVOICES)
    .where(
        INVOICES.c.customer_id == bindparam("its_customer"),
        INVOICES.c.id == bindparam("its_id"),
        INVOICES.c.version == bindparam("version_before"),
    )
    .values(
        {
            name: bindparam(name, type_=INVOICES.c[name].type)
            for name in (
                "status",
                "credit_minor",
                "paid_minor",
                "refunded_minor",
                "paid_at",
                "closed_at",
                "events",
                "version",
                "updated_at",
            )
        }
    )
)
INSERT_EVENT = Prepared(insert(EVENTS).values({c.name: bindparam(c.name, type_=c.type) for c in EVENTS.c}))
