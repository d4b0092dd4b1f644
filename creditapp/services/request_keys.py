"""Requests that post no entry, done once: each claims its key in the transaction of its work."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.db import now
from creditapp.errors import FormReusedError
from creditapp.models import RequestKey

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def claim(session: Session, scope: str, key: str, content: tuple[Any, ...]) -> str | None:
    """Claim the key for this work and return None, or return what the work came to when it was done before.

    Who gets None does the work and calls `keep` with its result. A request that is being worked on elsewhere is waited
    for. `content` is what was asked for, as text, whole numbers, None and the like.

    Raises:
        FormReusedError: the key was claimed for other content.
    """
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()).digest()
    row = {"scope": scope, "key": key, "body_digest": digest, "result": "", "created_at": now(session)}
    connection = session.connection()
    engine = postgresql if connection.dialect.name == "postgresql" else sqlite
    claim_it = engine.insert(RequestKey).values(row).on_conflict_do_nothing().returning(RequestKey.key)
    if connection.execute(claim_it).first() is not None:
        return None
    earlier = connection.execute(
        select(RequestKey.body_digest, RequestKey.result).where(RequestKey.scope == scope, RequestKey.key == key)
    ).one()
    if earlier.body_digest != digest:
        raise FormReusedError
    return str(earlier.result)


def keep(session: Session, scope: str, key: str, result: str) -> None:
    """Remember what the claimed work came to; who asks again under the same key is told this."""
    session.execute(update(RequestKey).where(RequestKey.scope == scope, RequestKey.key == key).values(result=result))
