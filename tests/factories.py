"""Rows for tests. Each factory takes what the test is about and makes up the rest; money moves through services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact, transact_at
from creditapp.models import (
    CreditAccount,
    CreditClass,
    Customer,
    CustomerStatus,
    Cycle,
    Direction,
    LogIn,
    LogInKind,
    Mail,
    MailStatus,
    Product,
    ProductKind,
    Reason,
    Role,
    RoleRules,
    Setting,
    Staff,
    Subscription,
    SubscriptionStatus,
)
from creditapp.services import (
    client_access,
    credits,
    customers,
    downtime_lines,
    incidents,
    invoices,
    ledger,
    merging,
    numbers,
    passwords,
    payments,
    promos,
    refunds,
)
from creditapp.services.actor import Actor
from creditapp.services.actor import staff as staff_actor
from creditapp.services.incidents import IncidentFields
from creditapp.services.invoices import Line
from creditapp.services.ledger import Entry
from creditapp.services.promos import PromoFields
from creditapp.services.staff import email_key
from creditapp.text import fold

PASSWORD = "correct horse battery staple"
PRO_RATA = 1
"""The first of the policies that every installation starts with."""
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """What a test needs to know of a person who works in the panel."""

    id: int
    name: str
    email: str
    password: str
    role: Role

    @property
    def actor(self) -> Actor:
        return staff_actor(self.id)


def new_key() -> str:
    """Return the key of a form nobody has sent yet."""
    return uuid4().hex


def make_staff(
    role: Role = Role.ADMIN, *, name: str = "Ada Okafor", email: str | None = None, disabled: bool = False
) -> StaffMember:
    """Make a person who can sign in with the returned e-mail and password."""
    address = email or f"{role}{next(_numbers)}@panel.example"
    staff_id = transact(_insert_staff, role, name, address, disabled=disabled)
    return StaffMember(id=staff_id, name=name, email=address, password=PASSWORD, role=role)


def actor(role: Role = Role.ADMIN) -> Actor:
    """Return somebody of this role who may act: the first there is, or a new one."""
    known = transact(_find_staff, role)
    return staff_actor(known) if known is not None else make_staff(role).actor


def make_customer(
    credit_minor: int = 0,
    *,
    name: str = "Brigid Nolan",
    company: str = "",
    email: str = "brigid@customer.example",
    external_id: str | None = None,
    status: str = "active",
    joined_on: date = date(2024, 3, 1),
    at: datetime | None = None,
) -> int:
    """Make a customer with this much credit (one lot of goodwill that never expires) and return the id."""
    customer_id = transact(
        _insert_customer,
        name=name,
        company=company,
        email=email,
        external_id=external_id,
        status=status,
        joined_on=joined_on,
    )
    if credit_minor:
        give(customer_id, credit_minor, at=at)
    return customer_id


def give(
    customer_id: int,
    amount_minor: int,
    *,
    reason_id: int | None = None,
    at: datetime | None = None,
    by: Actor | None = None,
    note: str = "",
    ticket_ref: str = "",
) -> Entry:
    """Add credit (or remove it, with a minus) as an administrator would, repeats allowed, and return the entry."""
    arguments: dict[str, Any] = {
        "reason_id": reason_id or reason_named("Courtesy" if amount_minor > 0 else "Entered by mistake"),
        "by": by or actor(),
        "key": new_key(),
        "note": note,
        "ticket_ref": ticket_ref,
        "duplicates_ok": True,
    }
    if at is None:
        return transact(credits.adjust, customer_id, amount_minor, **arguments)
    return transact_at(at, credits.adjust, customer_id, amount_minor, **arguments)


@dataclass(frozen=True, slots=True)
class Client:
    """What a test needs to know of a customer who signs in to the client area."""

    id: int
    email: str
    password: str


def make_client(credit_minor: int = 0, *, email: str | None = None, **fields: Any) -> Client:  # noqa: ANN401
    """Make a customer who can sign in to the client area; `fields` are those of `make_customer`."""
    address = email or f"client{next(_numbers)}@customer.example"
    customer_id = make_customer(credit_minor, email=address, **fields)
    transact(client_access.make_log_in, customer_id, address, _password_hash())
    return Client(customer_id, address, PASSWORD)


def make_reason(name: str | None = None, **fields: Any) -> int:  # noqa: ANN401  (columns of `Reason`)
    """Make a reason for both directions, goodwill, no expiry, unless `fields` says otherwise; return its id."""
    return transact(_insert_reason, name or f"Reason {next(_numbers)}", fields)


def reason_named(name: str) -> int:
    """Return the id of a reason that every installation starts with."""
    return transact(_find_reason, name)


def make_product(name: str | None = None, **fields: Any) -> int:  # noqa: ANN401  (columns of `Product`)
    """Make a monthly product at 10.00 without tax, unless `fields` says otherwise; return its id."""
    return transact(_insert_product, name or f"Product {next(_numbers)}", fields)


def make_promo(code: str = "Spring-25", **given: Any) -> int:  # noqa: ANN401  (of `PromoFields`)
    """Make a code that brings 10.00 at once, unless `given` says otherwise; return its id."""
    fields: dict[str, Any] = {"code": code, "grants_when_paid": False} | given
    if "percent_bp" not in fields:
        fields.setdefault("amount_minor", 1000)
    return transact(promos.create, PromoFields(**fields), by=actor(), key=new_key())


def make_subscription(
    customer_id: int,
    product_id: int | None = None,
    *,
    next_due_on: date = date(2026, 4, 1),
    **fields: Any,  # noqa: ANN401  (columns of `Subscription`)
) -> int:
    """Make an active subscription of this product, or of a new one, at its price and cycle; return its id.

    It began a year before it is next due, on the anchor that this day suggests.
    """
    subscription_id = transact(numbers.reserve, "subscriptions")
    fields = {"next_due_on": next_due_on} | fields
    transact(_insert_subscription, customer_id, subscription_id, product_id or make_product(), fields)
    return subscription_id


def make_invoice(
    customer_id: int,
    total_minor: int = 4000,
    *,
    lines: Sequence[Line] | None = None,
    at: datetime | None = None,
    by: Actor | None = None,
    with_credit: bool = False,
    **fields: Any,  # noqa: ANN401  (of the service)
) -> int:
    """Make an unpaid invoice of one line, or of these; `with_credit` lets credit be used on it at once."""
    number = transact(numbers.reserve, "invoices")
    charges = lines or [Line(description="Hosting", unit_minor=total_minor)]
    service: Callable[..., object] = invoices.create_with_credit if with_credit else invoices.create
    moment = at or datetime.now(UTC)
    transact_at(moment, service, customer_id, number, charges, by=by or actor(), key=new_key(), **fields)
    return number


def make_payment(customer_id: int, amount_minor: int = 1000, *invoice_ids: int, **fields: Any) -> int:  # noqa: ANN401  (of `payments.record`)
    """Record a payment for these invoices in this order, by bank transfer unless `fields` says otherwise."""
    number = transact(numbers.reserve, "payments")
    terms: dict[str, Any] = {
        "method": "bank",
        "received_on": date(2026, 3, 1),
        "by": actor(),
        "key": new_key(),
    } | fields
    transact(payments.record, customer_id, number, amount_minor, invoice_ids=invoice_ids, **terms)
    return number


def make_mail(customer_id: int, *, status: str = "sent", text: str = "Hello,\n\nthis is a mail.", **fields: Any) -> int:  # noqa: ANN401  (columns of `Mail`)
    """Make a mail to this customer, sent unless `status` says otherwise, and return its id."""
    return transact(_insert_mail, customer_id, {"status": status, "text": text} | fields)


def make_refund(customer_id: int, amount_minor: int = 1000) -> int:
    """Ask for an invoice, paid by bank transfer, to go back; a person has to send it. Return the refund's number."""
    invoice_id = make_invoice(customer_id, amount_minor)
    payment_id = make_payment(customer_id, amount_minor, invoice_id)
    number = transact(numbers.reserve, "refunds")
    act: dict[str, Any] = {"by": actor(), "key": new_key()}
    transact(refunds.request_for_invoice, customer_id, number, invoice_id, amount_minor, payment_id, **act)
    return number


def make_incident(**given: Any) -> int:  # noqa: ANN401  (of `IncidentFields`)
    """Record an outage of 200 minutes on 2 March 2026, credited pro rata, unless `given` says otherwise."""
    fields: dict[str, Any] = {
        "title": "Storage outage",
        "starts_at": moment("2026-03-02 10:00"),
        "ends_at": moment("2026-03-02 13:20"),
        "time_zone": "UTC",
        "policy_id": PRO_RATA,
    } | given
    return transact(incidents.create, IncidentFields(**fields), by=actor(), key=new_key())


def make_preview(incident_id: int, *, by: Actor | None = None) -> int:
    """Work out what everybody hit by the incident is owed, to the last line; return the batch."""
    batch_id = transact(downtime_lines.prepare, incident_id, by=by or actor(), key=new_key())
    while transact(downtime_lines.prepare_chunk, batch_id):
        pass
    return batch_id


def freeze_account(customer_id: int) -> None:
    """Freeze the balance of this customer."""

    def freeze(session: Session) -> None:
        account = session.get_one(CreditAccount, customer_id)
        account.frozen_at, account.frozen_reason = now(session), "Under review"

    transact(freeze)


def close_customer(customer_id: int) -> None:
    """Close the customer and the account, whatever is on it."""

    def close(session: Session) -> None:
        session.get_one(Customer, customer_id).status = str(CustomerStatus.CLOSED)
        session.get_one(CreditAccount, customer_id).closed_at = now(session)

    transact(close)


def merge_customers(customer_id: int, *, into: int) -> None:
    """Merge a customer into another one, as an administrator would."""
    transact(merging.merge, customer_id, into=into, by=actor(), key=new_key())


def limit_role(role: Role, *, add_max_minor: int | None = None, remove_max_minor: int | None = None) -> None:
    """Set what people of this role may post alone."""

    def change(session: Session) -> None:
        rules = session.get_one(RoleRules, str(role))
        rules.add_max_minor, rules.remove_max_minor = add_max_minor, remove_max_minor

    transact(change)


def change_settings(**fields: Any) -> None:  # noqa: ANN401  (columns of `Setting`)
    """Change the panel's settings."""

    def change(session: Session) -> None:
        setting = session.get_one(Setting, 1)
        for column, value in fields.items():
            setattr(setting, column, value)

    transact(change)


def balance_of(customer_id: int) -> int:
    """Return the stored balance, read anew."""
    db.session.rollback()
    statement = select(CreditAccount.balance_minor).where(CreditAccount.customer_id == customer_id)
    return db.session.execute(statement).scalar_one()


@cache
def _password_hash() -> str:
    return passwords.hash_password(PASSWORD)


def _insert_staff(session: Session, role: Role, name: str, email: str, *, disabled: bool) -> int:
    moment = now(session)
    log_in = LogIn(
        kind=LogInKind.STAFF,
        email=email,
        email_key=email_key(email),
        password_hash=_password_hash(),
        password_changed_at=moment,
        created_at=moment,
    )
    session.add(log_in)
    session.flush()
    staff = Staff(
        log_in_id=log_in.id,
        name=name,
        role=role,
        created_at=moment,
        disabled_at=moment if disabled else None,
    )
    session.add(staff)
    session.flush()
    return staff.id


def _find_staff(session: Session, role: Role) -> int | None:
    return session.scalar(select(func.min(Staff.id)).where(Staff.role == role, Staff.disabled_at.is_(None)))


def _insert_customer(session: Session, /, **fields: Any) -> int:  # noqa: ANN401  (columns of `Customer`)
    searched = {name: fields[name] for name in ("name", "company", "email", "external_id")}
    customer = Customer(
        **fields,
        **customers.search_keys(**searched),
        created_at=now(session),
        updated_at=now(session),
    )
    session.add(customer)
    session.flush()
    ledger.create_accounts(session, [customer.id])
    return customer.id


def _insert_reason(session: Session, name: str, fields: dict[str, Any]) -> int:
    chosen: dict[str, Any] = {
        "direction": Direction.BOTH,
        "class_": CreditClass.GOODWILL,
        "position": 100,
    } | fields
    reason = Reason(name=name, name_key=fold(name), **chosen)
    session.add(reason)
    session.flush()
    return reason.id


def _insert_product(session: Session, name: str, fields: dict[str, Any]) -> int:
    moment = now(session)
    chosen: dict[str, Any] = {
        "kind": ProductKind.HOSTING,
        "price_minor": 1000,
        "cycle": Cycle.MONTHLY,
        "tax_bp": 0,
        "is_credit_automatic": True,
        "is_active": True,
    } | fields
    product = Product(name=name, name_key=fold(name), version=1, created_at=moment, updated_at=moment, **chosen)
    session.add(product)
    session.flush()
    return product.id


def _insert_subscription(
    session: Session, customer_id: int, subscription_id: int, product_id: int, fields: dict[str, Any]
) -> None:
    product = session.get_one(Product, product_id)
    moment, due_on = now(session), fields["next_due_on"]
    chosen: dict[str, Any] = {
        "label": f"web{next(_numbers)}.example",
        "location": "",
        "price_minor": product.price_minor,
        "cycle": product.cycle,
        "anchor_day": due_on.day,
        "started_on": due_on.replace(year=due_on.year - 1, day=min(due_on.day, 28)),
        "status": SubscriptionStatus.ACTIVE,
    } | fields
    keys = {"customer_id": customer_id, "id": subscription_id, "product_id": product_id}
    session.add(Subscription(**keys, **chosen, version=1, created_at=moment, updated_at=moment))
    session.flush()


def _insert_mail(session: Session, customer_id: int, fields: dict[str, Any]) -> int:
    moment = now(session)
    chosen: dict[str, Any] = {
        "key": new_key(),
        "event": "credit_received",
        "recipient": "brigid@customer.example",
        "subject": "Credit was added to your account",
        "url": "",
        "tries": 0 if fields["status"] == MailStatus.WAITING else 1,
        "next_try_at": moment,
        "error": "",
        "created_at": moment,
        "sent_at": moment if fields["status"] == MailStatus.SENT else None,
    } | fields
    mail = Mail(customer_id=customer_id, **chosen)
    session.add(mail)
    session.flush()
    return mail.id


def _find_reason(session: Session, name: str) -> int:
    return session.execute(select(Reason.id).where(Reason.name_key == fold(name))).scalar_one()


def moment(text: str = "2026-03-02 12:00") -> datetime:
    """Return this time of day in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
