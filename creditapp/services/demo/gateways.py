"""How customers of the demo pay: some have paid through the sandbox, one of them twice, one too little."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from creditapp.db import snapshot, transact_at
from creditapp.gateways.protocol import Told, ToldKind
from creditapp.models import Customer, CustomerStatus, Invoice, InvoiceKind, InvoiceStatus, Setting
from creditapp.services import actor, callbacks, intents, numbers
from creditapp.services.intents import Begun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

BANK_DETAILS = "Kite Hosting\nBank of Examples, Demo Street 1\nIBAN XX00 0000 0000 0000 00\nNo money can be sent here."
PAID = 4
"""So many customers pay by card, the first of them twice; the next pays too little."""


class _Card:
    """What call-backs need to know of the gateway that tells."""

    name = "sandbox"
    merchant = "acct_sandbox"


def create(ends: datetime) -> None:
    """Offer bank transfer, and let a few customers pay what they owe by card, in the last days before `ends`."""
    transact_at(ends, _set_bank_details)
    for number, (customer_id, invoice_id) in enumerate(_owing()):
        moment = ends - timedelta(hours=3 * (PAID + 1 - number))
        intent_id = transact_at(moment, numbers.reserve, "intents")
        begun = transact_at(
            moment,
            intents.begin,
            customer_id,
            intent_id,
            invoice_id,
            gateway=_Card.name,
            by=actor.customer(customer_id),
            key=f"demo-card-{invoice_id}",
        )
        later = moment + timedelta(minutes=1)
        if number == PAID:
            _tell(begun, later, begun.amount_minor // 2 or 1, "few")
            continue
        _tell(begun, later, begun.amount_minor, "one")
        if number == 0:
            _tell(begun, later, begun.amount_minor, "two")


def _set_bank_details(session: Session) -> None:
    """Let customers pay by bank transfer, too."""
    values = {"bank_details": BANK_DETAILS, "version": Setting.version + 1}
    session.execute(update(Setting).where(Setting.id == 1).values(**values))


def _tell(begun: Begun, moment: datetime, amount_minor: int, which: str) -> None:
    ref = f"sc_demo_{begun.reference}_{which}"
    told = Told(
        event_id=f"{ref}-captured",
        kind=ToldKind.CAPTURED,
        occurred_at=moment,
        reference=begun.reference,
        capture_ref=ref,
        amount_minor=amount_minor,
        currency=begun.currency,
        merchant=_Card.merchant,
    )
    payment_id = transact_at(moment, numbers.reserve, "payments")
    clawback_id = transact_at(moment, numbers.reserve, "invoices")
    transact_at(
        moment, callbacks.take, _Card(), told, body_digest=bytes(32), payment_id=payment_id, clawback_id=clawback_id
    )


def _owing() -> Sequence[Row[int, int]]:
    """Return invoices that are to be paid, one for each of a few customers."""
    i, c = Invoice, Customer
    with snapshot() as session:
        rows = session.execute(
            select(i.customer_id, i.id)
            .join(c, c.id == i.customer_id)
            .where(
                i.status == InvoiceStatus.UNPAID,
                i.kind == InvoiceKind.RENEWAL,
                i.payment_started_at.is_(None),
                c.status == CustomerStatus.ACTIVE,
            )
            .order_by(i.id)
            .limit(40)
        ).all()
    first = {row.customer_id: row for row in reversed(rows)}
    return sorted(first.values(), key=lambda row: row.id)[: PAID + 1]
