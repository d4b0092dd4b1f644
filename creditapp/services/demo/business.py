"""What a made-up panel sells: a catalogue, subscriptions that renew, orders; and how people pay for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.db import transact, transact_at
from creditapp.errors import DomainError
from creditapp.models import CreditAccount, Cycle, Invoice, ProductKind, Setting
from creditapp.money import currency
from creditapp.services import checkout, days, invoices, numbers, payments, products, renewals, subscriptions
from creditapp.services.checkout import OrderLine
from creditapp.services.demo.scene import SMALL_UNIT
from creditapp.services.products import ProductFields
from creditapp.services.subscriptions import NewSubscription

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

CATALOGUE = (
    ("Shared Hosting S", ProductKind.HOSTING, 6, Cycle.MONTHLY, 25),
    ("Shared Hosting L", ProductKind.HOSTING, 14, Cycle.MONTHLY, 12),
    ("Cloud Server 4 GB", ProductKind.SERVER, 24, Cycle.MONTHLY, 10),
    ("Dedicated Server", ProductKind.SERVER, 89, Cycle.MONTHLY, 3),
    ("Mail Licence", ProductKind.LICENCE, 30, Cycle.QUARTERLY, 15),
    ("Backup Storage 500 GB", ProductKind.STORAGE, 27, Cycle.QUARTERLY, 10),
    ("Domain", ProductKind.DOMAIN, 15, Cycle.YEARLY, 25),
    ("Migration by our team", ProductKind.OTHER, 50, Cycle.ONE_OFF, 0),
)
"""Name, kind, price in whole units, cycle, and how many of a hundred subscriptions are to it."""
HOSTS = ("shop", "blog", "mail", "app", "files", "www")
LOCATIONS = ("fra-web-03", "fra-web-07", "nyc-web-02", "syd-web-01")
ORDERS_A_DAY = 0.6
NEVER_PAYS, CANCELS, PAYS_LATE = 0.02, 0.012, 0.08
OVERPAYS, PAYS_TWICE, IS_REFUNDED = 0.03, 0.006, 0.008
METHODS = ("bank", "bank", "card", "card", "card", "paypal")
NUMBERS_AT_ONCE = 100
RENEWALS_MAX = 300
"""In one evening; what is left comes in the next one."""


@dataclass(frozen=True, slots=True, order=True)
class _Plan:
    """Something that is going to happen to an invoice, in the evening of a day."""

    on: date
    number: int
    what: str
    customer_id: int
    invoice_id: int


class Business:
    """Evenings of a made-up panel: what is due is invoiced, and who wants to pays. The same seed, the same evenings."""

    def __init__(self, seed: int, *, share: float, by: Actor) -> None:
        """`share`: of the customers have a subscription; `by` is in the office."""
        self.random = Random(f"business {seed}")  # noqa: S311  (made-up history, no secret)
        self.share = share
        self.by = by
        self.seed = seed
        self.products: dict[str, int] = {}
        self.customers: list[int] = []
        self.plans: list[_Plan] = []
        self.touched: set[int] = set()
        self._order = count(1)
        self.numbers = {name: _Numbers(name) for name in ("invoices", "payments", "subscriptions")}

    def grow(self, moment: datetime) -> None:
        """Open the shop, the first time, and let newcomers subscribe."""
        if not self.products:
            self.products = transact_at(moment, self._open_shop)
        newcomers = transact(self._newcomers)
        self.numbers["subscriptions"].stock(len(newcomers) + 1)
        transact_at(moment, self._sign_up, newcomers)
        self.customers += newcomers

    def evening(self, moment: datetime) -> dict[int, int]:
        """Do the business of the day, and return the balances of the customers it touched."""
        self.touched = set()
        self.numbers["invoices"].stock(RENEWALS_MAX + 1)
        self.numbers["payments"].stock(sum(plan.on <= moment.date() + timedelta(days=1) for plan in self.plans) + 1)
        self.numbers["subscriptions"].stock(1)
        return transact_at(moment, self._do)

    def _open_shop(self, session: Session) -> dict[str, int]:
        code = session.execute(select(Setting.currency).where(Setting.id == 1)).scalar_one()
        scale = max(SMALL_UNIT, 10 ** currency(code).exponent)
        made = {}
        for name, kind, price, cycle, _weight in CATALOGUE:
            fields = ProductFields(
                name=name,
                kind=kind,
                price_minor=price * scale,
                cycle=cycle,
                is_credit_automatic=kind is not ProductKind.DOMAIN,
            )
            made[name] = products.create(session, fields, by=self.by, key=f"demo-{self.seed}-{name}")
        return made

    def _newcomers(self, session: Session) -> list[int]:
        a = CreditAccount
        known = max(self.customers, default=0)
        everybody = select(a.customer_id).where(a.closed_at.is_(None), a.customer_id > known).order_by(a.customer_id)
        return list(session.execute(everybody).scalars())

    def _sign_up(self, session: Session, newcomers: list[int]) -> None:
        today = days.today(session)
        for customer_id in newcomers:
            if self.random.random() < self.share:
                self._subscribe(session, customer_id, today)

    def _subscribe(self, session: Session, customer_id: int, today: date) -> None:
        name, _kind, _price, cycle, _weight = self.random.choices(CATALOGUE, [one[-1] for one in CATALOGUE])[0]
        next_due_on = today + timedelta(days=self.random.randrange(7, 7 + 30 * cycle.months))
        new = NewSubscription(
            label=self._label(customer_id),
            next_due_on=next_due_on,
            location="" if name == "Domain" else self.random.choice(LOCATIONS),
            product_id=self.products[name],
            started_on=next_due_on - timedelta(days=365),
        )
        number, key = self.numbers["subscriptions"].take(), f"demo-{self.seed}-{customer_id}"
        subscriptions.create(session, customer_id, new, number=number, by=self.by, key=key)

    def _do(self, session: Session) -> dict[int, int]:
        today = days.today(session)
        self._renew(session, today)
        if self.customers and self.random.random() < ORDERS_A_DAY:
            self._place(session, today)
        while self.plans and self.plans[0].on <= today:
            self._carry_out(session, heapq.heappop(self.plans), today)
        return _balances(session, self.touched)

    def _renew(self, session: Session, today: date) -> None:
        due = renewals.due_after(session, renewals.horizon(session, today), most=RENEWALS_MAX)
        first = self.numbers["invoices"].take(len(due)) if due else 0
        for one in renewals.renew(session, due, first, on=today):
            if one.invoice_id is not None:
                self.touched.add(one.customer_id)
                self._foresee(one.customer_id, one.invoice_id, one.total_minor - one.credit_minor, today)

    def _place(self, session: Session, today: date) -> None:
        customer_id, name = self.random.choice(self.customers), self.random.choice(CATALOGUE)[0]
        lines = [OrderLine(product_id=self.products[name], label=self._label(customer_id))]
        invoice_id = self.numbers["invoices"].take()
        placed = checkout.place(
            session,
            customer_id,
            invoice_id,
            lines,
            first_subscription_id=self.numbers["subscriptions"].take(),
            use_credit=True,
            by=self.by,
            key=f"demo-{self.seed}-{invoice_id}",
        )
        self.touched.add(customer_id)
        self._foresee(customer_id, invoice_id, placed.to_pay_minor, today)

    def _foresee(self, customer_id: int, invoice_id: int, due_minor: int, today: date) -> None:
        """Decide what becomes of an invoice: it is paid, sooner or later, or cancelled, or nothing happens at all."""
        roll, within = self.random.random(), self.random.randrange(1, 8)
        if not due_minor:
            if roll < IS_REFUNDED:
                self._plan(today + timedelta(days=within), "refund", customer_id, invoice_id)
        elif roll < CANCELS:
            self._plan(today + timedelta(days=within), "cancel", customer_id, invoice_id)
        elif roll > NEVER_PAYS + CANCELS:
            late = self.random.randrange(8, 40) if self.random.random() < PAYS_LATE else 0
            self._plan(today + timedelta(days=within + late), "pay", customer_id, invoice_id)

    def _plan(self, on: date, what: str, customer_id: int, invoice_id: int) -> None:
        heapq.heappush(self.plans, _Plan(on, next(self._order), what, customer_id, invoice_id))

    def _carry_out(self, session: Session, plan: _Plan, today: date) -> None:
        key = f"demo-{self.seed}-{plan.number}"
        self.touched.add(plan.customer_id)
        try:
            if plan.what == "cancel":
                invoices.cancel(session, plan.customer_id, plan.invoice_id, by=self.by, key=key)
            elif plan.what == "refund":
                invoices.refund_to_credit(session, plan.customer_id, plan.invoice_id, by=self.by, key=key)
            else:
                self._pay(session, plan, today, key)
        except DomainError:
            return  # somebody has dealt with it otherwise

    def _pay(self, session: Session, plan: _Plan, today: date, key: str) -> None:
        i = Invoice
        owed = select(i.total_minor, i.total_minor - i.credit_minor - i.paid_minor).where(
            i.customer_id == plan.customer_id, i.id == plan.invoice_id
        )
        total_minor, due_minor = session.execute(owed).one()
        amount_minor = due_minor or total_minor  # what has been paid already is paid twice
        if due_minor and self.random.random() < OVERPAYS:
            amount_minor += -amount_minor % (50 * SMALL_UNIT) or 10 * SMALL_UNIT
        method = self.random.choice(METHODS)
        payments.record(
            session,
            plan.customer_id,
            self.numbers["payments"].take(),
            amount_minor,
            invoice_ids=[plan.invoice_id],
            method=method,
            received_on=today,
            by=self.by,
            key=key,
            transaction_ref="" if method == "bank" else f"{method[:2].upper()}{self.random.randrange(10**9):09d}",
        )
        soon = today + timedelta(days=self.random.randrange(2, 12))
        if self.random.random() < PAYS_TWICE:
            self._plan(soon, "pay", plan.customer_id, plan.invoice_id)
        elif self.random.random() < IS_REFUNDED:
            self._plan(soon, "refund", plan.customer_id, plan.invoice_id)

    def _label(self, customer_id: int) -> str:
        return f"{self.random.choice(HOSTS)}-{customer_id}.example"


class _Numbers:
    """Numbers reserved in advance: inside a transaction none can be."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.free = range(0)

    def stock(self, most: int) -> None:
        """Have at least so many, all in a row."""
        if len(self.free) < most:
            more = max(most, NUMBERS_AT_ONCE)
            first = transact(numbers.reserve, self.name, more)
            start = self.free.start if self.free and self.free.stop == first else first
            self.free = range(start, first + more)

    def take(self, count: int = 1) -> int:
        """Use up so many, and return the first of them."""
        first = self.free[0]
        self.free = self.free[count:]
        return first


def _balances(session: Session, customer_ids: Iterable[int]) -> dict[int, int]:
    a = CreditAccount
    rows = session.execute(select(a.customer_id, a.balance_minor).where(a.customer_id.in_(list(customer_ids))))
    return {row[0]: row[1] for row in rows}
