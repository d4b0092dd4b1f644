"""The set-up of mails: where they come from, when they are sent, and their words. All of it is audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from creditapp.db import now
from creditapp.errors import MailSetUpError, StaleFormError
from creditapp.models import LogIn, MailEvent, MailText, Setting, Staff
from creditapp.services import audit, request_keys
from creditapp.services.audit import Action
from creditapp.services.mails import wording
from creditapp.services.mails.catalogue import DELIVERED, delivered
from creditapp.services.mails.queueing import queue_to_staff

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

EXPIRY_NOTICE_DAYS_MAX = 90
_SETTINGS, _TEXT = "the settings", "the text"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFields:
    """What the form of mails holds; `mail_from` is empty or an address."""

    mail_from: str
    low_balance_minor: int
    expiry_notice_days: int


def save(session: Session, fields: MailFields, is_on: Mapping[MailEvent, bool], *, version: int, by: Actor) -> None:
    """Save where mails come from and which are sent; `version` is that of the settings the form was opened on.

    Raises:
        StaleFormError: somebody else saved the settings meanwhile.
    """
    s = Setting
    row = session.execute(
        select(s.version, s.mail_from, s.low_balance_minor, s.expiry_notice_days).where(s.id == 1).with_for_update()
    ).one()
    if row.version != version:
        raise StaleFormError(_SETTINGS)
    before: dict[str, Any] = {name: getattr(row, name) for name in asdict(fields)}
    after: dict[str, Any] = asdict(fields)
    were = switches(session)
    turned = {event: on for event, on in is_on.items() if DELIVERED[event].is_switchable and were[event] != on}
    for event, on in turned.items():
        _write(session, event, {"is_enabled": on})
    before |= {str(event): were[event] for event in turned}
    after |= {str(event): on for event, on in turned.items()}
    if before == after:
        return
    session.execute(update(s).where(s.id == 1).values(**asdict(fields), version=version + 1, updated_at=now(session)))
    audit.record(session, Action.SETTINGS_SAVED, by, "settings", 1, before, after)


def switches(session: Session) -> dict[MailEvent, bool]:
    """Return of each event whether its mail is sent."""
    saved = dict(session.execute(select(MailText.event, MailText.is_enabled)).all())
    return {event: not known.is_switchable or saved.get(str(event), True) for event, known in DELIVERED.items()}


def check(event: MailEvent, subject: str, body: str) -> None:
    """Refuse words that this mail could not be written with.

    Raises:
        MailTextError: there is a placeholder nobody can fill, or the link is missing.
    """
    for field, text in (("subject", subject), ("body", body)):
        wording.check(event, field, text)


def save_text(session: Session, event: MailEvent, *, subject: str, body: str, version: int, by: Actor) -> None:
    """Save the words of an event's mail; `version` is the one the form was opened on, 0 for the delivered text.

    Raises:
        MailTextError: there is a placeholder nobody can fill, or the link is missing.
        StaleFormError: somebody else saved the text meanwhile.
    """
    check(event, subject, body)
    known = delivered(event)
    as_delivered = (subject, body) == (known.subject, known.body)
    _change(session, event, ("", "") if as_delivered else (subject, body), version=version, by=by)


def restore_text(session: Session, event: MailEvent, *, version: int, by: Actor) -> None:
    """Go back to the delivered words.

    Raises:
        StaleFormError: somebody else saved the text meanwhile.
    """
    _change(session, event, ("", ""), version=version, by=by)


def send_test(session: Session, *, by: Actor, key: str) -> str:
    """Have a test sent to the staff member who asks, and return to which address; the same key sends one.

    Raises:
        MailSetUpError: mails come from no address yet.
    """
    name, recipient = session.execute(
        select(Staff.name, LogIn.email).join(LogIn, LogIn.id == Staff.log_in_id).where(Staff.id == by.id)
    ).one()
    if request_keys.claim(session, "mail_test", key, (by.kind, by.id)) is None:
        if not queue_to_staff(session, MailEvent.TEST, name=name, recipient=recipient, key=f"test:{by.id}:{key}"):
            raise MailSetUpError
        audit.record(session, Action.MAIL_TESTED, by, "settings", 1)
    return recipient


def _change(session: Session, event: MailEvent, texts: tuple[str, str], *, version: int, by: Actor) -> None:
    session.execute(select(Setting.id).where(Setting.id == 1).with_for_update()).one()
    t = MailText
    saved = session.execute(select(t.subject, t.body, t.version).where(t.event == str(event))).first()
    if (saved.version if saved else 0) != version:
        raise StaleFormError(_TEXT)
    was = (saved.subject, saved.body) if saved else ("", "")
    if was == texts:
        return
    _write(session, event, {"subject": texts[0], "body": texts[1]})
    before, after = (
        {"event": None, "subject": subject or "as delivered", "body": body or "as delivered"}
        for subject, body in (was, texts)
    )
    audit.record(session, Action.MAIL_TEXT_SAVED, by, "settings", 1, before, {**after, "event": str(event)})


def _write(session: Session, event: MailEvent, values: Mapping[str, Any]) -> None:
    """Write this of an event's row, or make it. The settings are locked, so nobody else does."""
    t = MailText
    fresh = {**values, "version": t.version + 1, "updated_at": now(session)}
    if session.execute(update(t).where(t.event == str(event)).values(**fresh)).rowcount:  # type: ignore[attr-defined]
        return
    begins: dict[str, Any] = {"event": str(event), "is_enabled": True, "subject": "", "body": ""}
    session.execute(insert(t).values(**{**begins, **fresh, "version": 1}))


def read_version(session: Session) -> int:
    """Return the version of the settings, for who saves them without a form."""
    return session.execute(select(Setting.version).where(Setting.id == 1)).scalar_one()
