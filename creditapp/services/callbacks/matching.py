"""Whose money it is: what was told is held against what we had asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, select

from creditapp.gateways.protocol import ToldKind
from creditapp.models import CreditAccount, Invoice, InvoiceStatus
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import intents, survivors
from creditapp.services.callbacks import events
from creditapp.services.callbacks.captures import money_words
from creditapp.services.callbacks.standing import Standing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Teller(Protocol):
    """What call-backs need to know of the gateway that tells: every `Gateway` is one."""

    @property
    def name(self) -> str: ...

    @property
    def merchant(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Match:
    """Whose money it is: the customer who takes it and the invoice it was asked for; or why that is not clear."""

    problem: str
    customer_id: int | None = None
    intent_id: int | None = None
    invoice_ids: tuple[int, ...] = ()
    intent_customer_id: int | None = None


def match(session: Session, gateway: Teller, capture: Row[Any], standing: Standing) -> Match:
    """Hold what was told against what we had asked for, and find whose it is."""
    captured = [row for row in events.told_of(session, gateway.name, capture.ref) if row.kind == ToldKind.CAPTURED]
    references = {row.facts.get("reference", "") for row in captured} - {""}
    intent = find_intent(session, gateway.name, references.pop() if len(references) == 1 else "")
    if intent is None:
        return Match("It names no payment that was begun here.")
    problem = _mismatch(session, gateway, intent, captured, standing)
    if problem:
        return Match(problem, intent_id=intent.id)
    customer_id = survivors.lock(session, intent.customer_id)
    intent = _reread(session, intent)
    a, i = CreditAccount, Invoice
    closed = select(a.closed_at).where(a.customer_id == customer_id)
    if session.execute(closed).scalar_one() is not None:
        return Match(f"User #{customer_id} has been closed and takes no more money.", intent_id=intent.id)
    invoice = select(i.status).where(i.customer_id == customer_id, i.id == intent.invoice_id)
    status = session.execute(invoice).scalar()
    named = () if status in {None, InvoiceStatus.DRAFT} else (intent.invoice_id,)
    return Match("", customer_id, intent.id, named, intent.customer_id)


def find_intent(session: Session, gateway: str, reference: str) -> Row[Any] | None:
    """Return the payment that was begun under this name; one that goes on for a survivor is found as theirs."""
    named = intents.read_reference(reference)
    if named is None:
        return None
    i = intents.INTENTS.c
    owner_id = intents.resolve(session, *named)
    return session.execute(
        select(intents.INTENTS).where(i.customer_id == owner_id, i.id == named[1], i.gateway == gateway)
    ).first()


def _reread(session: Session, intent: Row[Any]) -> Row[Any]:
    """Return the intent as it is now that the accounts are locked: it may have gone to a survivor meanwhile."""
    i = intents.INTENTS.c
    owner_id = intents.resolve(session, intent.customer_id, intent.id)
    return session.execute(select(intents.INTENTS).where(i.customer_id == owner_id, i.id == intent.id)).one()


def _mismatch(
    session: Session, gateway: Teller, intent: Row[Any], captured: Sequence[Row[Any]], standing: Standing
) -> str:
    """Return in what the money differs from what was asked for; empty: in nothing that matters."""
    merchants = {row.facts.get("merchant", "") for row in captured} - {""}
    if gateway.merchant and merchants - {gateway.merchant}:
        return "It came to another merchant account than ours."
    currencies = {row.currency for row in captured}
    if currencies != {intent.currency}:
        return f"It is in {' and '.join(sorted(currencies))}; {intent.currency} was asked for."
    if standing.captured_minor > AMOUNT_MINOR_MAX:
        return "It is more than one payment may be."
    if standing.captured_minor < intent.amount_minor:
        money = money_words(session)
        return f"{money(intent.amount_minor)} was asked for, and only {money(standing.captured_minor)} was captured."
    return ""
