"""The demo's customer: somebody of the made-up ones who has credit and something to pay, and can sign in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import CreditAccount, Customer, CustomerStatus, Invoice, InvoiceStatus, LogIn, LogInKind
from creditapp.services import client_access, passwords
from creditapp.services.demo import sign_ins
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FILE = "demo-customer"


@dataclass(frozen=True, slots=True)
class ClientSignIn:
    """An e-mail and a password for the client area."""

    email: str
    password: str


def read(instance: Path) -> ClientSignIn | None:
    """Return the sign-in kept in this folder; None when this is no demo."""
    try:
        email, password = (instance / FILE).read_text(encoding="utf-8").split()
    except (FileNotFoundError, ValueError):
        return None
    return ClientSignIn(email, password)


def create(session: Session, instance: Path) -> ClientSignIn | None:
    """Let one of the customers sign in, with a password that only the folder's owner reads; None if nobody fits."""
    a, c, i = CreditAccount, Customer, Invoice
    owes = select(i.id).where(i.customer_id == c.id, i.status == InvoiceStatus.UNPAID).exists()
    fits = (c.status == CustomerStatus.ACTIVE, c.email.contains("@"), a.balance_minor > 0)
    people = select(c.id, c.email).join(a, a.customer_id == c.id).where(*fits)
    person = session.execute(people.order_by(owes.desc(), a.balance_minor.desc(), c.id).limit(1)).one_or_none()
    if person is None:
        return None
    made = ClientSignIn(person.email, sign_ins.new_password())
    client_access.make_log_in(session, person.id, made.email, passwords.hash_password(made.password))
    descriptor = os.open(instance / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{made.email} {made.password}\n")
    return made


def usable(session: Session, kept: ClientSignIn | None) -> ClientSignIn | None:
    """Return it if it opens this database: the folder may have served another one."""
    if kept is None:
        return None
    own = (LogIn.kind == LogInKind.CUSTOMER, LogIn.email_key == email_key(kept.email))
    return kept if session.execute(select(LogIn.id).where(*own)).first() else None
