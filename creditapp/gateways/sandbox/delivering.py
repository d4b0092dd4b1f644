"""Sending call-backs over HTTP until they are heard."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import transact
from creditapp.gateways import signing
from creditapp.models import SandboxCallback

HEADER = "Sandbox-Signature"
SECONDS_MAX = 5
TRIES_MAX = 12
LEASE = timedelta(seconds=60)
"""Nobody else sends a call-back while somebody does."""
AT_ONCE = 20
BACKOFF_MAX = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of deliveries came to."""

    heard: int = 0
    unheard: int = 0


def deliver(key: bytes, moment: datetime | None = None) -> Delivered:
    """Send the call-backs that are due over HTTP, and note which were heard: answered with 2xx."""
    at = moment or datetime.now(UTC)
    heard = unheard = 0
    for number, url, body in transact(_lease, at):
        answer = _post(url, body.encode(), signing.sign(key, body.encode(), datetime.now(UTC)))
        is_heard = answer.startswith("2")
        transact(_note_answer, number, answer, at, is_heard=is_heard)
        heard, unheard = heard + is_heard, unheard + (not is_heard)
    return Delivered(heard, unheard)


def _lease(session: Session, moment: datetime) -> list[tuple[int, str, str]]:
    """Take the call-backs that are due, so that nobody else sends them meanwhile."""
    b = SandboxCallback
    due = select(b).where(b.next_try_at <= moment).order_by(b.next_try_at, b.id).limit(AT_ONCE)
    taken = list(session.scalars(due.with_for_update(skip_locked=True)))
    for one in taken:
        one.tries += 1
        one.next_try_at = moment + LEASE
    return [(one.id, one.url, one.body) for one in taken]


def _note_answer(session: Session, number: int, answer: str, moment: datetime, *, is_heard: bool) -> None:
    b = SandboxCallback
    tries = session.execute(select(b.tries).where(b.id == number)).scalar_one()
    is_over = is_heard or tries >= TRIES_MAX
    pause = min(LEASE * 2 ** min(tries, 10), BACKOFF_MAX)
    session.execute(
        update(b).where(b.id == number).values(answer=answer[:200], next_try_at=None if is_over else moment + pause)
    )


def _post(url: str, body: bytes, signature: str) -> str:
    """Send a call-back and return the answer's status, or why there was none."""
    if not url.startswith(("http://", "https://")):
        return "Not an address."
    headers = {"Content-Type": "application/json", HEADER: signature}
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  (looked at above)
    try:
        with _OPENER.open(request, timeout=SECONDS_MAX) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)
    except OSError as error:
        return f"No answer: {type(error).__name__}."


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A call-back goes where it was asked to, and nowhere else."""

    def redirect_request(self, *_args: Any) -> None:  # noqa: ANN401  (urllib's signature)
        return None


_OPENER = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
