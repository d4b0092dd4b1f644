"""Refunds in plain words."""

from __future__ import annotations

from typing import Any

from flask import url_for

from creditapp.blueprints.payments.words import method_words
from creditapp.models import RefundStatus
from creditapp.queries.refunds import RefundFacts
from creditapp.services.refunds import Asked
from creditapp.web.filters import money
from creditapp.web.notices import notify
from creditapp.web.refunding import Outcome, Sent

_STATES: dict[str, tuple[str, Any]] = {
    RefundStatus.REQUESTED: ("On its way", "waiting"),
    RefundStatus.DONE: ("Sent", "done"),
    RefundStatus.FAILED: ("Failed", "wrong"),
}


def state_tag(refund: RefundFacts) -> tuple[str, Any]:
    """Return the words and the tone of a refund's tag."""
    if refund.waits_for_a_person:
        return "To be sent", "open"
    if refund.status == RefundStatus.FAILED and not refund.gateway:
        return "Called off", "system"
    return _STATES[refund.status]


def way_words(method: str, gateway: str) -> str:
    """Say how money gets back to where it came from."""
    if gateway:
        return f"{method_words(method)}, sent by the gateway"
    return f"{method_words(method)}, sent by a person, who then marks it as sent"


def announce(asked: Asked, outcome: Outcome | None) -> None:
    """Say on the next page what became of a refund that was asked for."""
    amount, link = money(asked.amount_minor), _link(asked)
    if asked.replayed:
        notify(f"Refund #{asked.refund_id} had been asked for already; nothing goes back twice.", kind="info")
    elif outcome is None:
        text = "Send the money, then mark the refund as sent."
        notify(f"Refund #{asked.refund_id} of {amount} is to be sent by hand.", text, links=[link])
    elif outcome.sent == Sent.DONE:
        notify(f"{amount} has gone back.", f"It is refund #{asked.refund_id} of payment #{asked.payment_id}.")
    elif outcome.sent == Sent.FAILED:
        text = f"{outcome.words} The books are as they were before."
        notify(f"{amount} could not be sent back.", text, kind="error")
    else:
        text = f"{outcome.words} The gateway is asked again.".strip()
        notify(f"Refund #{asked.refund_id} of {amount} is on its way.", text, kind="info")


def _link(asked: Asked) -> tuple[str, str]:
    return "Mark as sent", url_for("refunds.sent", refund_id=asked.refund_id)
