"""Notices: what the next page says about what has just been done. The result is on that page too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from flask import flash, get_flashed_messages, session, url_for

from creditapp.permissions import Permission, can
from creditapp.services.ledger import Entry
from creditapp.web.fields import SubmissionField
from creditapp.web.filters import money, signed, visible
from creditapp.web.forms import Form

NOTICES_MAX = 5
"""The newest ones that wait for a page: the cookie that holds them has little room."""
Tone = Literal["success", "info", "warning", "error"]


class UndoForm(Form):
    """The button that reverses an entry from the message that announces it."""

    submission = SubmissionField()


@dataclass(frozen=True, slots=True)
class Action:
    """A button in a notice: it posts its form."""

    url: str
    label: str
    icon: str
    form: Form


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, as `components/notice.html` draws it."""

    kind: Tone
    lead: str
    text: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    action: Action | None = None


def notify(lead: str, text: str = "", *, kind: Tone = "success", links: list[tuple[str, str]] | None = None) -> None:
    """Say this on the next page."""
    _say({"kind": kind, "lead": lead, "text": text, "links": links or []})


def announce(entry: Entry, customer_name: str, *, undid: str = "") -> None:
    """Say on the next page what an entry did, with its reference and a button to reverse it.

    `undid` says what it took back, `CR-1108-17 reversed`; such an entry has no button.
    """
    done = f"{signed(entry.amount_minor)} {'added' if entry.amount_minor > 0 else 'removed'}."
    if undid:
        done = f"{undid}: {done}"
    text = f"{visible(customer_name)} now has {money(entry.balance_after_minor)}."
    if entry.replayed:
        text = f"Right after it {visible(customer_name)} had {money(entry.balance_after_minor)}."
        done = f"{signed(entry.amount_minor)} had been saved already; nothing was posted twice."
    url = url_for("users.entry", customer_id=entry.customer_id, seq=entry.seq)
    _say(
        {
            "kind": "success",
            "lead": done,
            "text": text,
            "links": [(entry.reference, url)],
            "undo": None if undid else [entry.customer_id, entry.seq],
        }
    )


def pending_notices() -> list[Notice]:
    """Return what has to be said on this page, and forget it."""
    return [_notice(message) for message in get_flashed_messages(category_filter=["notice"])]


def _say(message: dict[str, Any]) -> None:
    flash(message, "notice")  # type: ignore[arg-type]  # the cookie holds JSON, not only text
    session["_flashes"] = session["_flashes"][-NOTICES_MAX:]


def _notice(message: Any) -> Notice:  # noqa: ANN401  (what `flash` was given)
    links = [(label, url) for label, url in message["links"]]
    action = None
    if message.get("undo") and can(Permission.CREDIT_REVERSE):
        customer_id, seq = message["undo"]
        url = url_for("users.reverse", customer_id=customer_id, seq=seq)
        action = Action(url, "Reverse", "undo-2", UndoForm(sent=False))
    return Notice(message["kind"], message["lead"], message["text"], links, action)
