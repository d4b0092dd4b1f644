"""Orders before they are placed: what can be ordered, and what an order would come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import CreditAccount, InvoiceKind, InvoiceStatus, Product, Setting
from creditapp.queries import lots
from creditapp.queries.settings import read_rules
from creditapp.services import checkout, invoices, promos
from creditapp.services.credits.applying import PROBLEMS
from creditapp.services.credits.rule import Owed, Trigger, decide

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.checkout import OrderLine
    from creditapp.services.offers import Offer

CHOICES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Sold:
    """One product that can be ordered."""

    id: int
    name: str
    price_minor: int
    cycle: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would come to now; minor units."""

    net_minor: int
    tax_minor: int
    total_minor: int
    most_minor: int
    """The most credit that can be used on it."""
    credit_minor: int
    """How much would be: what was chosen, or the most."""
    why_not: str
    """Why none can be used; empty where some can."""
    brings: Offer | None = None
    """What the code brings."""

    @property
    def to_pay_minor(self) -> int:
        return self.total_minor - self.credit_minor


def sold(session: Session) -> list[Sold]:
    """Return what can be ordered, by name."""
    p = Product
    statement = select(p.id, p.name, p.price_minor, p.cycle).where(p.is_active).order_by(p.name_key).limit(CHOICES_MAX)
    return [Sold(*row) for row in session.execute(statement)]


def quote(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    lines: Sequence[OrderLine],
    *,
    use_credit: bool,
    credit_minor: int | None,
    code: str = "",
    today: date,
    moment: datetime,
) -> Quote:
    """Return what `checkout.place` would come to now; nothing is locked, so the service decides anew.

    Raises:
        ProductError, InvoiceAmountError, CodeError: what `checkout.place` raises.
    """
    found = {row.id: row for row in session.execute(checkout.select_sold([line.product_id for line in lines]))}
    charges = [checkout.charge(found.get(line.product_id), line, subscription_id=None, today=today) for line in lines]
    is_gross = session.execute(select(Setting.prices_include_tax).where(Setting.id == 1)).scalar_one()
    _rows, sums = invoices.price(charges, is_gross=is_gross)
    a = CreditAccount
    frozen_at = session.execute(select(a.frozen_at).where(a.customer_id == customer_id)).scalar_one_or_none()
    brings = promos.check(session, customer_id, code, sums.total_minor) if code else None
    usable_minor = lots.usable(session, customer_id, moment).usable_minor
    if brings is not None and not brings.when_paid:
        usable_minor += brings.amount_minor
    owed = Owed(InvoiceKind.ORDER, InvoiceStatus.UNPAID, sums.total_minor, sums.eligible_minor, 0, is_being_paid=False)
    decision = decide(
        read_rules(session), owed, usable_minor, trigger=Trigger.CHECKOUT, is_frozen=frozen_at is not None
    )
    most_minor = decision.amount_minor
    chosen_minor = most_minor if credit_minor is None else min(credit_minor, most_minor)
    return Quote(
        sums.net_minor,
        sums.tax_minor,
        sums.total_minor,
        most_minor,
        chosen_minor if use_credit else 0,
        "" if most_minor or not sums.total_minor else PROBLEMS[decision.why[0]],
        brings,
    )
