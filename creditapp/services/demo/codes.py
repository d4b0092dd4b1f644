"""Promo codes of a made-up panel, some orders that used them, and a customer who brought another one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.db import transact, transact_at
from creditapp.models import Customer, Invoice, InvoiceKind, Product, Setting
from creditapp.money import currency
from creditapp.services import checkout, days, deposits, numbers, payments, promos, referrals
from creditapp.services.checkout import OrderLine
from creditapp.services.demo.scene import SMALL_UNIT
from creditapp.services.deposits import DepositFields
from creditapp.services.promos import PromoFields

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

PEOPLE = 6
PRODUCT = "Cloud Server 4 GB"


def play(moment: datetime, *, by: Actor) -> None:
    """Make the codes, and let some customers who have not ordered yet use them; some pay at once."""
    unit, people, product_id = transact_at(moment, _look)
    for fields in _codes(unit, moment):
        transact_at(moment, promos.create, fields, by=by, key=f"demo-{fields.code}")
    if len(people) < PEOPLE or product_id is None:
        return
    transact_at(moment, _let_people_refer, unit, by=by)
    ada, ben, *others = people
    orders = [(ben, transact_at(moment, referrals.code_of, ada), True)]
    orders += [(one, "WELCOME10", number % 2 == 0) for number, one in enumerate(others[:3])]
    orders.append((others[3], "CLOUD-15", True))
    for customer_id, code, pays in orders:
        _order(moment, customer_id, code, product_id, pays=pays, by=by)
    transact_at(moment, referrals.grant, ben)


def _look(session: Session) -> tuple[int, list[int], int | None]:
    """Return how much a whole unit is, who has not ordered anything yet, and what they may order."""
    code = session.execute(select(Setting.currency).where(Setting.id == 1)).scalar_one()
    c, i = Customer, Invoice
    ordered = select(i.id).where(i.customer_id == c.id, i.kind == InvoiceKind.ORDER).exists()
    people = select(c.id).where(c.status == "active", ~ordered).order_by(c.id).limit(PEOPLE)
    product = session.execute(select(Product.id).where(Product.name == PRODUCT)).scalar_one_or_none()
    return max(SMALL_UNIT, 10 ** currency(code).exponent), list(session.execute(people).scalars()), product


def _codes(unit: int, moment: datetime) -> list[PromoFields]:
    today = moment.date()
    return [
        PromoFields(
            code="WELCOME10",
            description="On every first order",
            amount_minor=10 * unit,
            first_order_only=True,
            days_to_expiry=365,
        ),
        PromoFields(
            code="CLOUD-15",
            description="Cloud campaign of this season",
            percent_bp=1500,
            most_minor=50 * unit,
            grants_when_paid=False,
            uses_max=500,
            starts_on=today - timedelta(days=30),
            ends_on=today + timedelta(days=60),
            days_to_expiry=90,
        ),
        PromoFields(
            code="FAIR-BOOTH",
            description="Handed out at the hosting fair",
            amount_minor=25 * unit,
            uses_max=100,
            ends_on=today - timedelta(days=10),
        ),
    ]


def _let_people_refer(session: Session, unit: int, *, by: Actor) -> None:
    saved = session.execute(deposits.select_saved()).one()._asdict()
    version = saved.pop("version")
    saved |= {"referrals_enabled": True, "referred_minor": 5 * unit, "referrer_minor": 10 * unit}
    deposits.save(session, DepositFields(**saved), version=version, by=by)


def _order(moment: datetime, customer_id: int, code: str, product_id: int, *, pays: bool, by: Actor) -> None:
    placed = transact_at(
        moment,
        checkout.place,
        customer_id,
        transact(numbers.reserve, "invoices"),
        [OrderLine(product_id=product_id, label=f"vps-{customer_id}.example")],
        first_subscription_id=transact(numbers.reserve, "subscriptions"),
        use_credit=False,
        code=code,
        by=by,
        key=f"demo-code-{customer_id}",
    )
    if pays:
        transact_at(
            moment,
            payments.record,
            customer_id,
            transact(numbers.reserve, "payments"),
            placed.to_pay_minor,
            invoice_ids=[placed.invoice_id],
            method="bank",
            received_on=transact_at(moment, days.today),
            by=by,
            key=f"demo-code-{customer_id}",
        )
