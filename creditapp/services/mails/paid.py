"""What a customer is told when an invoice is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.bulk import among
from creditapp.models import CreditAccount, Invoice, MailEvent, Setting
from creditapp.services.mails.queueing import Notice, queue, queue_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from creditapp.services.bills.bill import Bill


def tell(session: Session, customer_id: int, invoice_id: int) -> None:
    """Have the customer told that this invoice is paid: again only where it had been opened again meanwhile.

    What came to nothing is not told of.
    """
    i, a = Invoice, CreditAccount
    found = session.execute(
        select(i.total_minor, i.credit_minor, i.version, a.balance_minor)
        .join(a, a.customer_id == i.customer_id)
        .join(Setting, Setting.mail_from != "")
        .where(i.customer_id == customer_id, i.id == invoice_id, i.total_minor > 0)
    ).first()
    if found is None:
        return
    total_minor, credit_minor, version, balance_minor = found
    facts = _facts(invoice_id, total_minor, credit_minor, balance_minor)
    key = _key(invoice_id, version)
    queue(session, MailEvent.INVOICE_PAID, customer_id=customer_id, key=key, facts=facts)


def tell_many(session: Session, bills: Sequence[Bill]) -> None:
    """Have the customers told of invoices that were paid the moment they were made, all of them written by now."""
    charged = [bill for bill in bills if bill.total_minor]
    if not charged:
        return
    a = CreditAccount
    owners = among(session, CreditAccount.__table__.c.customer_id, {bill.customer_id for bill in charged})
    left = dict(session.execute(select(a.customer_id, a.balance_minor).where(owners)).all())
    notices = [
        Notice(
            bill.customer_id,
            _key(bill.id, bill.version),
            _facts(bill.id, bill.total_minor, bill.credit_minor, left[bill.customer_id]),
        )
        for bill in charged
    ]
    queue_many(session, MailEvent.INVOICE_PAID, notices)


def _key(invoice_id: int, version: int) -> str:
    return f"paid:{invoice_id}:{version}"


def _facts(invoice_id: int, total_minor: int, credit_minor: int, balance_minor: int) -> dict[str, int]:
    return {"invoice": invoice_id, "amount": total_minor, "credit": credit_minor, "balance": balance_minor}
