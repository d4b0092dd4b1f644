"""The buttons on somebody's page: each with a form of its own."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from creditapp.queries.staff import StaffFacts
from creditapp.web.forms import BareForm


@dataclass(frozen=True, slots=True)
class Button:
    """One of them, as the page draws it."""

    label: str
    url: str
    icon: str
    kind: str
    form: BareForm


def buttons_of(person: StaffFacts) -> list[Button]:
    """Return what can be done about how this person signs in."""
    if person.disabled_at is not None:
        offered = [("enable", "Enable", "check", "")]
    else:
        offered = [
            ("send_link", "Send a link for a new password", "link-2", ""),
            ("end_sessions", "End sessions", "log-out", ""),
            *([("reset_factor", "Reset second factor", "undo-2", "")] if person.totp_since else []),
            ("disable", "Disable", "ban", "danger"),
        ]
    return [
        Button(label, url_for(f"staff.{view}", staff_id=person.id), icon, kind, BareForm(sent=False))
        for view, label, icon, kind in offered
    ]
