"""Erasing a person: every table that holds words of theirs, and how each loses them.

Rows that are history stay, without their words; rows that are only words go. What the chains are made of is not
touched: entries and audit rows hold salted digests of words, and without the salt nobody finds out what they were of.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Update, and_, delete, or_, select, text, update

from creditapp.db import Base, ledger_key
from creditapp.models import (
    Capture,
    CreditEntry,
    CreditEntryText,
    Invoice,
    InvoiceLine,
    Mail,
    Payment,
    PaymentIntent,
    Product,
    Refund,
    Subscription,
)
from creditapp.services import ledger
from creditapp.services.customer_life import doors, mentions
from creditapp.services.personal_words import PersonalWords, without, words_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

TEXTS = Base.metadata.tables[CreditEntryText.__tablename__]
PAGES_AT_ONCE = 2000
"""How much of a search index SQLite rewrites at once to forget for good what was taken out of it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows lost their words, by what they are, and the seal of what stood on invoices."""

    counts: dict[str, int] = field(default_factory=dict)
    invoice_words: str = ""
    """HMAC of the lines as they were, under the ledger's key: who has an invoice on paper can prove that it was so."""


def erase(session: Session, people: Sequence[int]) -> Erased:
    """Take every personal word of these customers out, profiles apart, and return how much that was. Safe to repeat.

    The first of them is the customer, the others were merged into it. Their accounts are locked.
    """
    words = words_of(session, people)
    lines, seal = _invoice_lines(session, people, words)
    counts = {
        "texts": _texts(session, people),
        "lines": lines,
        "notes": _notes(session, people),
        "mails": _count(session, delete(Mail).where(Mail.customer_id.in_(people))),
        "log_ins": doors.close(session, people, words),
        "batch_lines": mentions.of_batches(session, people, words),
        "mentions": mentions.elsewhere(session, people, words),
        "audit_details": mentions.of_audit(session, people, words),
    }
    _forget_searches(session)
    return Erased(counts, seal)


def _texts(session: Session, people: Sequence[int]) -> int:
    """Erase the texts of their entries, and of the other halves of their transfers, where the same was written.

    So it is where such a half was taken back.
    """
    e, t = CreditEntry, TEXTS.c
    count = ledger.erase_texts(session, t.customer_id.in_(people))
    halves = select(e.other_customer_id, e.other_seq).where(
        e.customer_id.in_(people), e.other_seq.is_not(None), e.other_customer_id.not_in(people)
    )
    for other_id, other_seq in session.execute(halves).all():
        taken_back = select(e.seq).where(e.customer_id == other_id, e.reversed_seq == other_seq)
        its_own = or_(t.seq == other_seq, t.seq.in_(taken_back))
        count += ledger.erase_texts(session, and_(t.customer_id == other_id, its_own))
    return count


def _invoice_lines(session: Session, people: Sequence[int], words: PersonalWords) -> tuple[int, str]:
    """Call what was sold by its product, take personal words out of what was typed, and seal what stood there."""
    line, product = InvoiceLine, Product
    rows = session.execute(
        select(line.customer_id, line.invoice_id, line.line, line.description, line.subscription_id, product.name)
        .outerjoin(product, product.id == line.product_id)
        .where(line.customer_id.in_(people))
        .order_by(line.customer_id, line.invoice_id, line.line)
    ).all()
    found = words.all
    changed = 0
    for row in rows:
        sold = row.name or "Subscription"
        new = sold if row.subscription_id is not None else without(row.description, found)
        if new != row.description:
            its_own = (line.customer_id == row.customer_id, line.invoice_id == row.invoice_id, line.line == row.line)
            session.execute(update(line).where(*its_own).values(description=new))
            changed += 1
    if not changed:
        return 0, ""
    was = json.dumps([list(row)[:4] for row in rows], ensure_ascii=False, separators=(",", ":"))
    return changed, hmac.new(ledger_key(session), was.encode(), "sha256").hexdigest()


def _notes(session: Session, people: Sequence[int]) -> int:
    """Empty what people have typed at invoices, payments, refunds and subscriptions, and where they were to pay."""
    p, c = Payment, Capture
    captured = select(c.ref).where(c.customer_id == p.customer_id, c.payment_id == p.id).exists()
    changes = [
        _emptied(Invoice, people, "note"),
        _emptied(Payment, people, "note"),
        _emptied(Payment, people, "void_reason"),
        _emptied(Payment, people, "transaction_ref", ~captured),  # a gateway's is a number of its own, and finds it
        _emptied(Subscription, people, "label"),
        _emptied(Subscription, people, "location"),
        _emptied(Refund, people, "failure"),
        _emptied(Refund, people, "gateway_ref", Refund.gateway == ""),  # a person has typed it
        _emptied(PaymentIntent, people, "failure"),
        _emptied(PaymentIntent, people, "page_url"),
    ]
    return sum(_count(session, one) for one in changes)


def _emptied(model: Any, people: Sequence[int], name: str, *also: ColumnElement[bool]) -> Update:  # noqa: ANN401  (a model)
    column = getattr(model, name)
    return update(model).where(model.customer_id.in_(people), column != "", *also).values({name: ""})


def _forget_searches(session: Session) -> None:
    """Let SQLite's search indexes write over what was taken out of them; PostgreSQL does so by itself."""
    if session.connection().dialect.name != "sqlite":
        return
    for index in ("customer_search", "note_search"):
        session.execute(text(f"INSERT INTO {index}({index}, rank) VALUES ('merge', {-PAGES_AT_ONCE})"))  # noqa: S608


def _count(session: Session, statement: Any) -> int:  # noqa: ANN401  (an UPDATE or a DELETE)
    return int(session.connection().execute(statement).rowcount)
