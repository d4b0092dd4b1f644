"""Orders: products become an invoice, what renews becomes a subscription, and credit pays its part at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, insert, select

from creditapp.db import Base, now
from creditapp.errors import InvoiceAmountError, NotApplicableError, ProductError
from creditapp.models import Cycle, Invoice, InvoiceKind, InvoiceStatus, Product, Subscription, SubscriptionStatus
from creditapp.services import (
    bills,
    credits,
    customers,
    invoices,
    ledger,
    periods,
    promos,
    referrals,
    request_keys,
    self_dealing,
)
from creditapp.services.credits import Trigger
from creditapp.services.invoices import Line
from creditapp.services.mails import issued as mails
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.invoices import Made
    from creditapp.services.ledger import Account, Panel
    from creditapp.services.offers import Offer

SUBSCRIPTIONS = Base.metadata.tables[Subscription.__tablename__]
LINES_MAX = 20
LABEL_CHARS_MAX = 150
"""Leaves room on the invoice for the product's name, and on the subscription for the quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So many of a product; `label` says which one it is: a domain, a host name."""

    product_id: int
    quantity: int = 1
    label: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed, and what credit paid of it; `replayed`: earlier, under the same key."""

    invoice_id: int
    total_minor: int
    credit_minor: int
    status: str
    why_not: str = ""
    """Why no credit was used although it was wanted."""
    replayed: bool = False
    brings: Offer | None = None
    """What the code of the order brings, or has brought."""

    @property
    def to_pay_minor(self) -> int:
        return self.total_minor - self.credit_minor


def place(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    invoice_id: int,
    lines: Sequence[OrderLine],
    *,
    first_subscription_id: int,
    use_credit: bool,
    credit_minor: int | None = None,
    code: str = "",
    by: Actor,
    key: str,
) -> Placed:
    """Place an order: one invoice with a line for each product, and credit on it; return what is left to pay.

    What renews becomes a subscription whose first period begins today; it is active once the invoice is paid. Their
    ids from `first_subscription_id` on, one for each line, and the invoice's were reserved before. With `use_credit`,
    `credit_minor` of credit is used, or as much as there is; where none can be, none is, and the order stands. The
    automatic rules do not bind: it is somebody's choice. A promo or referral `code` is used up with the order; what a
    promo code brings at once can pay for the order already. Safe to repeat under the same key.

    Raises:
        ProductError: a product is not there, or not sold any more.
        InvoiceAmountError: the lines come to no invoice.
        CodeError: the code is not taken.
        OwnAccountError: who asks orders for themselves, and wants credit used or brought by a code.
        ApplyExceedsError: more credit is chosen than is due or usable.
        CustomerNotFoundError, CustomerClosedError: there is no such customer, or nothing is sold to them any more.
        FormReusedError: the key has placed another order.
    """
    customers.lock_settings(session)
    content = (customer_id, _content(lines), use_credit, credit_minor, code, by.kind, by.id)
    earlier = request_keys.claim(session, "order", key, content)
    if earlier is not None:
        return _find_placed(session, customer_id, int(earlier))
    account, panel, _rest = ledger.open_account(session, customer_id, "", (), debit=False)
    today = panel.day_of(now(session))
    charges = _charge(session, customer_id, lines, first_subscription_id, today)
    made = invoices.create(session, customer_id, invoice_id, charges, by=by, key=key, kind=InvoiceKind.ORDER)
    request_keys.keep(session, "order", key, str(invoice_id))
    brings = _use_code(session, account, panel, made, code, by) if code else None
    if not use_credit or made.status != InvoiceStatus.UNPAID:
        mails.tell(session, customer_id, invoice_id)
        return Placed(invoice_id, made.total_minor, 0, made.status, brings=brings)
    try:
        applied = credits.apply(
            session, customer_id, invoice_id, credit_minor, by=by, key=key, trigger=Trigger.CHECKOUT
        )
    except NotApplicableError as refusal:
        _say_why_not(session, customer_id, invoice_id, refusal, by)
        mails.tell(session, customer_id, invoice_id)
        return Placed(invoice_id, made.total_minor, 0, made.status, refusal.problem, brings=brings)
    mails.tell(session, customer_id, invoice_id)
    status = InvoiceStatus.PAID if applied.is_paid else InvoiceStatus.UNPAID
    return Placed(invoice_id, made.total_minor, applied.decision.amount_minor, status, brings=brings)


def select_sold(product_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    """Select what an order wants to know of these products."""
    p = Product
    return select(p.id, p.name, p.price_minor, p.cycle, p.tax_bp, p.is_credit_automatic, p.is_active).where(
        p.id.in_(product_ids)
    )


def charge(sold: Row[*tuple[Any, ...]] | None, line: OrderLine, *, subscription_id: int | None, today: date) -> Line:
    """Return what the invoice charges for one line of an order.

    Raises:
        ProductError: the product is not there, or not sold any more.
    """
    if sold is None:
        raise ProductError("Choose a product from the list.")
    if not sold.is_active:
        raise ProductError(f"{sold.name} is not sold any more. Choose another product.")
    renews = bool(Cycle(sold.cycle).months)
    return Line(
        description=f"{sold.name}: {line.label}" if line.label else sold.name,
        quantity=line.quantity,
        unit_minor=sold.price_minor,
        tax_bp=sold.tax_bp,
        product_id=sold.id,
        subscription_id=subscription_id if renews else None,
        period_start=today if renews else None,
        period_end=periods.next_start(today, Cycle(sold.cycle), today.day) if renews else None,
        is_credit_automatic=sold.is_credit_automatic,
    )


def _charge(
    session: Session, customer_id: int, lines: Sequence[OrderLine], first_subscription_id: int, today: date
) -> list[Line]:
    """Return what the invoice charges, and make a subscription of each line that renews."""
    if not 1 <= len(lines) <= LINES_MAX:
        raise InvoiceAmountError(f"An order has from 1 to {LINES_MAX} lines.")
    held = select_sold([line.product_id for line in lines]).with_for_update(read=True)
    sold = {row.id: row for row in session.execute(held)}
    charges = []
    for number, line in enumerate(lines, start=first_subscription_id):
        product = sold.get(line.product_id)
        one = charge(product, line, subscription_id=number, today=today)
        charges.append(one)
    invoices.price(charges, is_gross=True)  # refuses what is out of range before a subscription holds it
    moment = now(session)
    rows = [
        {
            "customer_id": customer_id,
            "id": one.subscription_id,
            "product_id": one.product_id,
            "label": _subscribed_as(line),
            "location": line.location,
            "price_minor": one.quantity * one.unit_minor,
            "cycle": sold[line.product_id].cycle,
            "anchor_day": today.day,
            "started_on": today,
            "next_due_on": one.period_end,
            "status": str(SubscriptionStatus.PENDING),
            "version": 1,
            "created_at": moment,
            "updated_at": moment,
        }
        for line, one in zip(lines, charges, strict=True)
        if one.subscription_id is not None
    ]
    if rows:
        session.execute(insert(SUBSCRIPTIONS), rows)
    return charges


def _subscribed_as(line: OrderLine) -> str:
    """Return the label of a subscription: it renews at the price of all that were ordered on the line."""
    if line.quantity == 1:
        return line.label
    return f"{line.quantity} × {line.label}" if line.label else f"{line.quantity} pieces"


def _use_code(session: Session, account: Account, panel: Panel, made: Made, code: str, by: Actor) -> Offer:
    """Use the code in the order that has just been made, and return what it brings."""
    self_dealing.refuse(session, by, made.customer_id)
    offer = promos.check(session, made.customer_id, code, made.total_minor, invoice_id=made.id)
    if offer.promo_id is None:
        referrals.note(session, made.customer_id, made.id, offer)
    else:
        promos.use(session, account, panel, made.id, offer, by=by)
    return offer


def _say_why_not(session: Session, customer_id: int, invoice_id: int, refusal: NotApplicableError, by: Actor) -> None:
    """Keep in the invoice's history why no credit was used."""
    bill = bills.read_bill(run(session, bills.lock_call(customer_id, invoice_id))[0], invoice_id)
    usable_minor = credits.usable_minor(session, customer_id)
    facts = {
        "trigger": str(Trigger.CHECKOUT),
        "due_minor": bill.due_minor,
        "usable_minor": usable_minor,
        "why": [refusal.why],
    }
    bills.write(session, bill.written(session, "credit_not_applied", by, facts=facts))


def _find_placed(session: Session, customer_id: int, invoice_id: int) -> Placed:
    i = Invoice
    row = session.execute(
        select(i.total_minor, i.credit_minor, i.status).where(i.customer_id == customer_id, i.id == invoice_id)
    ).one()
    return Placed(invoice_id, *row, replayed=True)


def _content(lines: Sequence[OrderLine]) -> list[list[Any]]:
    return [[line.product_id, line.quantity, line.label, line.location] for line in lines]
