"""Taking away by what a customer comes in: log-in, sessions, links, drafts, and marks of where they came from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, or_, select, update

from creditapp.models import FormDraft, LogIn, LogInSession, OneTimeLink, RateWindow, RecoveryCode
from creditapp.services.personal_words import PersonalWords
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def close(session: Session, people: Sequence[int], words: PersonalWords) -> int:
    """Take the log-ins away with all that hangs on them, and return how many those were. Safe to repeat."""
    log_in_ids = list(session.execute(select(LogIn.id).where(LogIn.customer_id.in_(people))).scalars())
    session.execute(delete(OneTimeLink).where(OneTimeLink.customer_id.in_(people)))
    for table in (LogInSession, FormDraft, RecoveryCode, OneTimeLink):
        session.execute(delete(table).where(table.log_in_id.in_(log_in_ids)))
    session.execute(delete(LogIn).where(LogIn.id.in_(log_in_ids)))
    viewed = update(LogInSession).where(LogInSession.views_customer_id.in_(people))
    session.execute(viewed.values(views_customer_id=None))
    _forget_marks(session, people, log_in_ids, words)
    _drop_drafts(session, people, words)
    return len(log_in_ids)


def _forget_marks(session: Session, people: Sequence[int], log_in_ids: Sequence[int], words: PersonalWords) -> None:
    """Forget from where they came, and how often they tried."""
    key = RateWindow.key
    tried = [hashlib.sha256(email_key(word).encode()).hexdigest() for word in words.own if "@" in word]
    marks = [
        *[key.like(f"known:{one}:%") for one in log_in_ids],
        *[key.like(f"%customer:{one}/%") for one in people],
        *[key.like(f"%{one}%") for one in tried],
    ]
    if marks:
        session.execute(delete(RateWindow).where(or_(*marks)))


def _drop_drafts(session: Session, people: Sequence[int], words: PersonalWords) -> None:
    """Drop what staff had typed about them when a session ran out; drafts are few, and live for half an hour."""
    about = re.compile(rf"/users/({'|'.join(str(one) for one in people)})(?![0-9])")
    found = [word.casefold() for word in words.all]
    for draft in session.execute(select(FormDraft.id, FormDraft.path, FormDraft.fields)).all():
        if about.search(draft.path) or _names(draft.path, draft.fields, found):
            session.execute(delete(FormDraft).where(FormDraft.id == draft.id))


def _names(path: str, fields: Any, found: Sequence[str]) -> bool:  # noqa: ANN401  (what JSON holds)
    said = f"{path} {json.dumps(fields, ensure_ascii=False)}".casefold()
    return any(word in said for word in found)
