"""The sandbox: a card gateway of our own, to try things out with. No card is charged, and no money moves.

This is the far end, with rows of its own: pages on which a card is charged, charges, refunds, and call-backs that are
sent over HTTP until they are heard. Our books know of it only what it tells, as of any other gateway.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.gateways import signing
from creditapp.gateways.protocol import Asked, GatewayError, Refunded, Started, Told, ToldKind
from creditapp.models import SandboxCallback, SandboxCharge, SandboxRefund, SandboxSession

HEADER = "Sandbox-Signature"
MERCHANT = "acct_sandbox"
LATER = timedelta(minutes=1)
"""When money that was paid later is certain."""
EXPIRES = timedelta(hours=24)
DECLINED = "The card was declined."
TOO_MUCH_MINOR = 500
"""How much too much the button pays: 5.00 in most currencies."""
SECONDS_MAX = 5
TRIES_MAX = 12
LEASE = timedelta(seconds=60)
"""Nobody else sends a call-back while somebody does."""
AT_ONCE = 20
BACKOFF_MAX = timedelta(hours=6)
AMOUNT_MAX = 10**11
_TEXT_CHARS_MAX = 120


class Act(StrEnum):
    """What the page's buttons do; the last three are what happens to a charge afterwards."""

    PAY = "pay"
    DECLINE = "decline"
    LATER = "later"
    TWICE = "twice"
    TOO_MUCH = "too_much"
    DISPUTE = "dispute"
    WIN = "win"
    LOSE = "lose"


class PageState(StrEnum):
    """Where a page is."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    CLOSED = "closed"
    """Given up, or its time ran out."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox as a gateway."""

    key: bytes
    public_url: str
    """Where its pages are: our own address."""
    is_allowed: bool = True
    name: str = "sandbox"
    label: str = "Card (sandbox)"
    merchant: str = MERCHANT

    @property
    def problem(self) -> str:
        if not self.key:
            return "It has no key to sign its call-backs with: the file sandbox-key in the instance folder."
        if not self.is_allowed:
            return "It moves no money. Where pages are served over HTTPS it takes CREDITAPP_SANDBOX=1 to offer it."
        return ""

    @property
    def has_page(self) -> bool:
        return True

    def start(self, asked: Asked) -> Started:
        """Make a page, or return the one that was made for this reference."""
        ref = transact(_open_page, asked)
        return Started(ref, f"{self.public_url}/sandbox/pay/{ref}")

    def read_event(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Told]:
        """Return what a call-back says, once its signature and its age are checked."""
        signing.check(self.key, body, headers.get(HEADER, ""), now)
        try:
            return (_told(json.loads(body)),)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise GatewayError("The body says nothing that can be read.") from error

    def fetch(self, session_ref: str) -> Sequence[Told]:
        """Return what the page has come to, in the words and under the ids of its call-backs."""
        said = transact(_say_again, session_ref)
        return [_told(json.loads(body)) for body in said]

    def give_up(self, session_ref: str) -> bool:
        """Close the page if nothing has been paid on it."""
        return transact(_close_page, session_ref)

    def refund(self, capture_ref: str, amount_minor: int, currency: str, *, key: str) -> Refunded:
        """Send so much of a charge back, once under this key."""
        return Refunded(transact(_refund, capture_ref, amount_minor, currency, refund_key=key), is_done=True)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of deliveries came to."""

    heard: int = 0
    unheard: int = 0


def act(session: Session, ref: str, what: Act) -> str:
    """Do what a button of the page says, and return where the customer goes on.

    What the page cannot do any more is not done: it has been paid, or closed.

    Raises:
        GatewayError: there is no such page.
    """
    page = _lock_page(session, ref)
    _expire(session, page)
    if page.status == PageState.OPEN:
        _pay(session, page, what)
    elif what in {Act.DISPUTE, Act.WIN, Act.LOSE}:
        _quarrel(session, page, what)
    return page.return_url


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


def find(ref: str) -> SandboxSession | None:
    """Return the page, or None."""
    return db.session.get(SandboxSession, ref)


def charges_of(ref: str) -> Sequence[SandboxCharge]:
    """Return what was charged on the page, the oldest first."""
    c = SandboxCharge
    return db.session.scalars(select(c).where(c.session_ref == ref).order_by(c.created_at, c.ref)).all()


def _pay(session: Session, page: SandboxSession, what: Act) -> None:
    minor = page.amount_minor
    if what is Act.DECLINE:
        page.status = str(PageState.DECLINED)
        _tell(session, page, f"{page.ref}-failed", "failed", failure=DECLINED)
        return
    if what is Act.LATER:
        page.status = str(PageState.PAID)
        charge = _charge(session, page, minor)
        _tell(session, page, f"{page.ref}-pending", "pending")
        _tell_captured(session, page, charge, now(session) + LATER)
        return
    amounts = {Act.PAY: (minor,), Act.TWICE: (minor, minor), Act.TOO_MUCH: (minor + TOO_MUCH_MINOR,)}.get(what, ())
    for amount_minor in amounts:
        page.status = str(PageState.PAID)
        _tell_captured(session, page, _charge(session, page, amount_minor), now(session))


def _quarrel(session: Session, page: SandboxSession, what: Act) -> None:
    """Let the customer's bank take the newest charge back, or say how that ended."""
    c = SandboxCharge
    charge = session.scalars(
        select(c).where(c.session_ref == page.ref).order_by(c.created_at.desc(), c.ref.desc()).limit(1)
    ).first()
    if charge is None:
        return
    is_open = charge.status == "disputed"
    if what is Act.DISPUTE and charge.status == "captured":
        charge.status, charge.disputed_minor = "disputed", charge.amount_minor - charge.refunded_minor
        _tell_of(session, page, charge, f"{charge.ref}-disputed", "disputed")
    elif what in {Act.WIN, Act.LOSE} and is_open:
        charge.status = "won" if what is Act.WIN else "lost"
        charge.disputed_minor = 0 if what is Act.WIN else charge.disputed_minor
        _tell_of(session, page, charge, f"{charge.ref}-closed", "dispute_closed")


def _open_page(session: Session, asked: Asked) -> str:
    s = SandboxSession
    known = session.scalars(select(s.ref).where(s.reference == asked.reference)).first()
    if known is not None:
        return known
    ref = f"ss_{secrets.token_urlsafe(16)}"
    session.add(
        s(
            ref=ref,
            amount_minor=asked.amount_minor,
            currency=asked.currency,
            reference=asked.reference,
            description=asked.description[:200],
            return_url=asked.return_url,
            callback_url=asked.callback_url,
            status=str(PageState.OPEN),
            created_at=now(session),
        )
    )
    return ref


def _close_page(session: Session, ref: str) -> bool:
    page = _lock_page(session, ref)
    if page.status == PageState.OPEN:
        page.status = str(PageState.CLOSED)
    return page.status != PageState.PAID


def _say_again(session: Session, ref: str) -> list[str]:
    """Return the bodies of all call-backs about the page whose time has come, sent or not."""
    page = _lock_page(session, ref)
    _expire(session, page)
    session.flush()
    b = SandboxCallback
    named = json.dumps(ref)
    rows = session.execute(select(b.body, b.created_at, b.tries).where(b.body.contains(named)).order_by(b.id))
    moment = now(session)
    return [row.body for row in rows if _happened(row.body) <= moment]


def _happened(body: str) -> datetime:
    return datetime.fromtimestamp(json.loads(body)["created"], UTC)


def _expire(session: Session, page: SandboxSession) -> None:
    if page.status == PageState.OPEN and now(session) - page.created_at > EXPIRES:
        page.status = str(PageState.CLOSED)
        _tell(session, page, f"{page.ref}-failed", "failed", failure="The time to pay ran out.")


def _lock_page(session: Session, ref: str) -> SandboxSession:
    s = SandboxSession
    page = session.scalars(select(s).where(s.ref == ref).with_for_update()).first()
    if page is None:
        raise GatewayError("There is no such page.")
    return page


def _charge(session: Session, page: SandboxSession, amount_minor: int) -> SandboxCharge:
    charge = SandboxCharge(
        ref=f"sc_{secrets.token_urlsafe(16)}",
        session_ref=page.ref,
        amount_minor=amount_minor,
        refunded_minor=0,
        disputed_minor=0,
        status="captured",
        created_at=now(session),
    )
    session.add(charge)
    return charge


def _refund(session: Session, charge_ref: str, amount_minor: int, currency: str, *, refund_key: str) -> str:
    known = session.get(SandboxRefund, refund_key)
    if known is not None:
        return known.ref
    c = SandboxCharge
    charge = session.scalars(select(c).where(c.ref == charge_ref).with_for_update()).first()
    if charge is None:
        raise GatewayError("There is no such charge.")
    page = session.get_one(SandboxSession, charge.session_ref)
    left_minor = charge.amount_minor - charge.refunded_minor - charge.disputed_minor
    if currency != page.currency or not 0 < amount_minor <= left_minor:
        raise GatewayError("More cannot be refunded than is left of the charge.")
    charge.refunded_minor += amount_minor
    refund = SandboxRefund(
        key=refund_key,
        ref=f"sr_{secrets.token_urlsafe(16)}",
        charge_ref=charge_ref,
        amount_minor=amount_minor,
        created_at=now(session),
    )
    session.add(refund)
    count = session.scalar(select(func.count()).where(SandboxRefund.charge_ref == charge_ref))
    _tell_of(session, page, charge, f"{charge.ref}-refund-{count}", "refunded", refund=refund.ref)
    return refund.ref


def _tell_captured(session: Session, page: SandboxSession, charge: SandboxCharge, moment: datetime) -> None:
    _tell_of(session, page, charge, f"{charge.ref}-captured", "captured", moment=moment)


def _tell_of(
    session: Session,
    page: SandboxSession,
    charge: SandboxCharge,
    event_id: str,
    kind: str,
    *,
    refund: str = "",
    moment: datetime | None = None,
) -> None:
    facts = {
        "charge": charge.ref,
        "amount": charge.amount_minor,
        "refunded": charge.refunded_minor,
        "disputed": charge.disputed_minor,
        "refund": refund,
    }
    _tell(session, page, event_id, kind, moment=moment, **facts)


def _tell(
    session: Session,
    page: SandboxSession,
    event_id: str,
    kind: str,
    *,
    moment: datetime | None = None,
    **facts: Any,  # noqa: ANN401  (what the event says)
) -> None:
    """Keep a call-back; it is sent when its moment has come, until it is heard."""
    at = moment or now(session)
    body = {
        "id": event_id,
        "type": kind,
        "created": int(at.timestamp()),
        "session": page.ref,
        "reference": page.reference,
        "currency": page.currency,
        "merchant": MERCHANT,
        **facts,
    }
    session.add(
        SandboxCallback(
            event_id=event_id,
            url=page.callback_url,
            body=json.dumps(body),
            tries=0,
            next_try_at=at,
            answer="",
            created_at=now(session),
        )
    )


def _told(said: Any) -> Told:  # noqa: ANN401  (JSON)
    """Return what a body says.

    Raises:
        ValueError, KeyError, TypeError: it is not of the form that `_tell` writes.
    """
    return Told(
        event_id=_text(said["id"]),
        kind=ToldKind(said["type"]),
        occurred_at=datetime.fromtimestamp(_number(said["created"]), UTC),
        reference=_text(said.get("reference", "")),
        session_ref=_text(said.get("session", "")),
        capture_ref=_text(said.get("charge", "")),
        refund_ref=_text(said.get("refund", "")),
        amount_minor=_number(said.get("amount", 0)),
        refunded_minor=_number(said.get("refunded", 0)),
        disputed_minor=_number(said.get("disputed", 0)),
        currency=_text(said.get("currency", ""))[:3],
        merchant=_text(said.get("merchant", "")),
        failure=_text(said.get("failure", "")),
    )


def _text(said: Any) -> str:  # noqa: ANN401  (JSON)
    if not isinstance(said, str) or len(said) > _TEXT_CHARS_MAX or not said.isprintable():
        raise ValueError("A text is none, or too long.")
    return said


def _number(said: Any) -> int:  # noqa: ANN401  (JSON)
    if type(said) is not int or not 0 <= said <= AMOUNT_MAX:
        raise ValueError("A number is none, or out of range.")
    return said


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
