"""What a customer sees of the own account. No staff note, no reason and no name of anybody else is among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Subquery, and_, func, select

from creditapp.models import (
    CreditEntry,
    CreditEntryText,
    Customer,
    Invoice,
    InvoiceStatus,
    LogIn,
    LogInKind,
    LogInSession,
    OneTimeLink,
    PaymentIntent,
    Product,
    Setting,
    Subscription,
)
from creditapp.models.log_in import LinkPurpose
from creditapp.queries.invoices import due_minor
from creditapp.queries.merged import is_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPEN_MAX = 50
"""So many open invoices are counted and shown on the first page."""
PRODUCTS_MAX = 200


@dataclass(frozen=True, slots=True)
class Access:
    """How a customer can sign in to the client area; for staff."""

    email: str | None
    """What they sign in with; None without a log-in."""
    since: datetime | None
    seen_at: datetime | None
    """When a session of theirs was last used; None without one."""
    invited_until: datetime | None
    """Until when an invitation that waits to be accepted can be."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A product that can be ordered."""

    id: int
    name: str
    price_minor: int
    cycle: str


@dataclass(frozen=True, slots=True)
class Referral:
    """What a customer's recommendation brings, and the code to pass on."""

    code: str
    """Empty until it has been asked for."""
    is_enabled: bool
    referred_minor: int
    referrer_minor: int

    @property
    def is_on(self) -> bool:
        """Whether a code brings anything to anybody."""
        return self.is_enabled and self.referred_minor + self.referrer_minor > 0


def find_referral(session: Session, customer_id: int) -> Referral:
    """Return what a recommendation of this customer brings."""
    s, c = Setting, Customer
    code = session.execute(select(c.referral_code).where(c.id == customer_id)).scalar_one()
    terms = session.execute(select(s.referrals_enabled, s.referred_minor, s.referrer_minor).where(s.id == 1)).one()
    return Referral((code or "").upper(), *terms)


def select_entries(customer_id: int) -> Select[*tuple[Any, ...]]:
    """Return the numbers of the customer's entries, to be ordered and limited."""
    e = CreditEntry
    return select(e.customer_id, e.seq).where(e.customer_id == customer_id)


def select_entry_rows(page: Subquery) -> Select[*tuple[Any, ...]]:
    """Return what a customer sees of the entries on one page; the order is the caller's.

    Columns: seq, posted_at, day, kind, amount_minor, balance_after_minor, description, invoice_id, customer_note,
    label (what the subscription is called that it is about; None: about none).
    """
    e, t = CreditEntry, CreditEntryText
    return (
        select(e.seq, e.posted_at, e.day, e.kind, e.amount_minor, e.balance_after_minor, e.description, e.invoice_id)
        .add_columns(t.customer_note, Subscription.label)
        .join_from(page, e, and_(e.customer_id == page.c.customer_id, e.seq == page.c.seq))
        .outerjoin(Subscription, and_(Subscription.customer_id == e.customer_id, Subscription.id == e.subscription_id))
        .outerjoin(t, and_(t.customer_id == page.c.customer_id, t.seq == page.c.seq))
    )


def select_invoices(session: Session, customer_id: int) -> Select[*tuple[Any, ...]]:
    """Return what a customer sees of the own invoices, drafts apart; the order is the caller's.

    With them those of accounts that were merged into this one; what moved is where it is now.

    Columns: id, kind, status, issued_on, due_on, total_minor, credit_minor, paid_minor, due_minor.
    """
    i = Invoice
    return select(
        i.id,
        i.kind,
        i.status,
        i.issued_on,
        i.due_on,
        i.total_minor,
        i.credit_minor,
        i.paid_minor,
        due_minor().label("due_minor"),
    ).where(is_of(session, i.customer_id, customer_id), i.status != InvoiceStatus.DRAFT, i.moved_to_id.is_(None))


def open_invoices(session: Session, customer_id: int) -> list[Any]:
    """Return the unpaid invoices, what is due first in front: the columns of `select_invoices`."""
    i = Invoice
    statement = select_invoices(session, customer_id).where(i.status == InvoiceStatus.UNPAID)
    return list(session.execute(statement.order_by(i.due_on, i.id).limit(OPEN_MAX)))


def find_email(session: Session, customer_id: int) -> str:
    """Return what the customer signs in with; empty where they cannot, and somebody of the staff looks on."""
    return session.scalar(select(LogIn.email).where(LogIn.customer_id == customer_id)) or ""


def find_hash(session: Session, customer_id: int) -> str | None:
    """Return what the customer's password is checked against."""
    return session.scalar(select(LogIn.password_hash).where(LogIn.customer_id == customer_id))


def find_access(session: Session, customer_id: int, moment: datetime) -> Access:
    """Return whether and how the customer can sign in."""
    log_in = LogIn
    last = (
        select(func.max(LogInSession.seen_at)).where(LogInSession.log_in_id == log_in.id).correlate(log_in)
    ).scalar_subquery()
    found = session.execute(
        select(log_in.email, log_in.created_at, last).where(
            log_in.kind == LogInKind.CUSTOMER, log_in.customer_id == customer_id
        )
    ).one_or_none()
    link = OneTimeLink
    invited_until = session.execute(
        select(func.max(link.ends_at)).where(
            link.customer_id == customer_id,
            link.purpose == LinkPurpose.INVITATION,
            link.used_at.is_(None),
            link.ends_at > moment,
        )
    ).scalar_one()
    if found is None:
        return Access(None, None, None, invited_until)
    return Access(*found, invited_until)


def sends_mail(session: Session) -> bool:
    """Return whether mails are sent from here at all."""
    return session.execute(select(Setting.mail_from != "").where(Setting.id == 1)).scalar_one()


def products(session: Session) -> list[Sold]:
    """Return what can be ordered, by name."""
    p = Product
    statement = select(p.id, p.name, p.price_minor, p.cycle).where(p.is_active).order_by(p.name_key, p.id)
    return [Sold(*row) for row in session.execute(statement.limit(PRODUCTS_MAX))]


def find_product(session: Session, product_id: int) -> Sold | None:
    """Return the product, if it is sold."""
    p = Product
    statement = select(p.id, p.name, p.price_minor, p.cycle).where(p.id == product_id, p.is_active)
    row = session.execute(statement).one_or_none()
    return Sold(*row) if row else None


def newest_intent(session: Session, customer_id: int, invoice_id: int) -> Any:  # noqa: ANN401  (a row, or None)
    """Return how the newest payment of the invoice through a gateway stands: status, failure, page_url, gateway."""
    p = PaymentIntent
    statement = (
        select(p.status, p.failure, p.page_url, p.gateway, p.amount_minor)
        .where(p.customer_id == customer_id, p.invoice_id == invoice_id)
        .order_by(p.id.desc())
        .limit(1)
    )
    return session.execute(statement).one_or_none()
