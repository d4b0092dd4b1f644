"""Where else a customer is named: lines of batches, texts about many, notes about others, details of the audit log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, null, or_, select, update

from creditapp.db import Base, now
from creditapp.models import (
    AuditDetails,
    AuditRow,
    Batch,
    BatchKind,
    BatchLine,
    CreditEntryText,
    EventStatus,
    GatewayEvent,
    Incident,
    Invoice,
    LineFlag,
    Payment,
    PromoCode,
    Refund,
    Subscription,
)
from creditapp.services import ledger
from creditapp.services.audit import Action
from creditapp.services.intents import read_reference
from creditapp.services.personal_words import GAP, PersonalWords, without
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TEXTS = Base.metadata.tables[CreditEntryText.__tablename__]
_LINE_TEXTS = ("label", "note", "customer_note", "ticket_ref", "changed_why", "problem", "outcome")
_OUTCOME = case((BatchLine.outcome == "", ""), else_=GAP)
"""A line that says why it was not posted must go on saying that it was not."""
_ABOUT_MANY: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Batch, ("title", "note", "customer_note", "problem", "source_name", "terms")),
    (Incident, ("title", "reference", "note", "customer_note")),
    (PromoCode, ("description",)),
)
"""Texts that are about more than one customer: they stay, without the words that name this one."""
_OWNED: dict[str, Any] = {"invoice": Invoice, "payment": Payment, "refund": Refund, "subscription": Subscription}
"""What else of a customer acts are about, as the audit log calls it."""
WORD_CHARS_MIN = 5
"""A shorter word is looked for in the audit log only where it is all that a field holds."""


def of_batches(session: Session, people: Sequence[int], words: PersonalWords) -> int:
    """Empty the texts of their lines, and of lines of files that meant them and found nobody; return how many."""
    line, batch = BatchLine, Batch
    empty = dict.fromkeys(_LINE_TEXTS, "")
    of_any = line.batch_id.in_(select(batch.id))  # there is an index for the customers of each batch
    own = update(line).where(of_any, line.customer_id.in_(people)).values(empty | {"outcome": _OUTCOME})
    count = _count(session, own)
    of_files = line.batch_id.in_(select(batch.id).where(batch.kind == BatchKind.IMPORT))
    nobody = and_(of_files, line.flag == LineFlag.REFUSED, line.flag != "", line.customer_id.is_(None))
    named = [_holds(column, word) for column in (line.label, line.note, line.problem) for word in words.own]
    numbers = [written for one in people for written in (str(one), f"#{one}")]
    meant = or_(line.label.in_(numbers), *named)
    return count + _count(session, update(line).where(nobody, meant).values(empty))


def elsewhere(session: Session, people: Sequence[int], words: PersonalWords) -> int:
    """Take their words out of texts about many, and out of what was noted at gateways' events; return how many."""
    count = sum(_scrub(session, model, names, words.all) for model, names in _ABOUT_MANY)
    count += _events(session, people)
    t = TEXTS.c
    for word in words.own:
        if len(fold(word)) >= WORD_CHARS_MIN:
            count += ledger.erase_texts(session, t.search_key.contains(fold(word), autoescape=True))
    return count


def of_audit(session: Session, people: Sequence[int], words: PersonalWords) -> int:
    """Erase the details of acts about them, of their own acts, and of acts that name them; return how many."""
    d, a = AuditDetails, AuditRow
    about = [and_(a.object_kind == "customer", a.object_id.in_(people))]
    about += [and_(a.actor == "customer", a.actor_id.in_(people))]
    for kind, model in _OWNED.items():
        about.append(
            and_(a.object_kind == kind, a.object_id.in_(select(model.id).where(model.customer_id.in_(people))))
        )
    gone = {"details": null(), "salt": None, "erased_at": now(session)}
    about.append(a.seq.in_(_of_lines(session, people)))
    rows = select(a.seq).where(or_(*about))
    count = _count(session, update(d).where(d.seq.in_(rows), d.erased_at.is_(None)).values(gone))
    said = func.lower(cast(d.details, String))
    names = [said.contains(form, autoescape=True) for word in words.all for form in _in_json(word)]
    if names:
        count += _count(session, update(d).where(or_(*names), d.erased_at.is_(None)).values(gone))
    return count


def _of_lines(session: Session, people: Sequence[int]) -> list[int]:
    """Return the acts that changed lines of theirs in a batch: somebody typed why."""
    line, batch = BatchLine, Batch
    of_any = line.batch_id.in_(select(batch.id))
    own = select(line.batch_id, line.line).where(of_any, line.customer_id.in_(people))
    lines = {(row[0], row[1]) for row in session.execute(own)}
    a, d = AuditRow, AuditDetails
    edits = (
        select(a.seq, a.object_id, d.details)
        .join(d, d.seq == a.seq)
        .where(a.action == Action.PREVIEW_EDITED, a.object_kind == "batch")
        .where(a.object_id.in_({batch_id for batch_id, _line in lines}), d.erased_at.is_(None))
    )
    return [row.seq for row in session.execute(edits) if (row.object_id, _line_of(row.details)) in lines]


def _line_of(details: dict[str, Any]) -> Any:  # noqa: ANN401  (what JSON held)
    return details.get("after", {}).get("line")


def _scrub(session: Session, model: Any, names: Sequence[str], words: Sequence[str]) -> int:  # noqa: ANN401  (a model)
    """Take the words out of these columns, wherever one of them holds one."""
    columns = [getattr(model, name) for name in names]
    held = [_holds(column, word) for column in columns for word in words]
    if not held:
        return 0
    rows = session.execute(select(model.id, *columns).where(or_(*held))).all()
    for id_, *texts in rows:
        new = {name: without(said, words) for name, said in zip(names, texts, strict=True)}
        if model is Incident:
            new["search_key"] = fold(f"{new['title']} {new['reference']}")
        session.execute(update(model).where(model.id == id_).values(new))
    return len(rows)


def _events(session: Session, people: Sequence[int]) -> int:
    """Empty what people noted at what gateways told of their payments."""
    e = GatewayEvent
    noted = select(e.id, e.customer_id, e.facts).where(e.status == EventStatus.DISMISSED, e.note != "")
    theirs = [row.id for row in session.execute(noted) if {row.customer_id, _named(row.facts)} & set(people)]
    if not theirs:
        return 0
    return _count(session, update(e).where(e.id.in_(theirs)).values(note=""))


def _named(facts: dict[str, Any]) -> int | None:
    """Return the customer whose payment the event was about, as it says itself."""
    named = read_reference(str(facts.get("reference", "")))
    return named[0] if named else None


def _holds(column: Any, word: str) -> ColumnElement[bool]:  # noqa: ANN401  (a column)
    return or_(*[func.lower(column).contains(form, autoescape=True) for form in _in_small_letters(word)])


def _in_json(word: str) -> list[str]:
    """Return how a word may stand in JSON, in small letters; a short one only as all that a field holds."""
    is_long = len(word) >= WORD_CHARS_MIN
    written = sorted({json.dumps(form).lower() for form in _in_small_letters(word)})
    return [form[1:-1] if is_long else form for form in written]


def _in_small_letters(word: str) -> list[str]:
    """Return what a database may make of a word when it makes its letters small: SQLite does that to A to Z alone."""
    forms = (word, word.lower(), word.upper(), word.title())
    return sorted({form.encode().lower().decode() for form in forms})  # bytes know A to Z alone, too


def _count(session: Session, statement: Any) -> int:  # noqa: ANN401  (an UPDATE)
    return int(session.connection().execute(statement).rowcount)
