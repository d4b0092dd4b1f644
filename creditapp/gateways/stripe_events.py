"""What Stripe's events and objects say, in the words of every gateway. Amounts are what it says in all so far.

One purchase is told by several events (the page completed, the intent succeeded, the charge refunded): all of them
name the payment intent, and its id is the one name of the money here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from creditapp.gateways.protocol import GatewayError, Told, ToldKind
from creditapp.gateways.stripe_amounts import from_stripe

Object = Mapping[str, Any]
FAILURE_CHARS_MAX = 200
INQUIRY = "warning_"
"""A dispute whose status begins so is a question: no money has been taken."""

PLATFORM = "platform"
"""Whose money it is where an event names no account, and ours has a name: not ours."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is ours; `refunded_of` asks how much of a charge has gone back, in Stripe's units."""

    installation: str
    merchant: str
    refunded_of: Callable[[str], int]

    def event(self, event: Object) -> Told:
        """Return what one event says.

        Raises:
            GatewayError: it is not made as Stripe makes them, or the charge that it is about could not be asked for.
        """
        try:
            return self._event(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GatewayError("This is no event as Stripe writes them.") from error

    def session(self, session: Object, charge: Object | None, disputes: list[Object]) -> Iterator[Told]:
        """Yield how a page stands, and what became of the money paid on it."""
        about = _About(f"fetch:{session['id']}", "fetch", datetime.now(UTC), self.merchant)
        told = self._page(about, session)
        if told.kind != ToldKind.OTHER:
            yield told
        if charge and charge["amount_refunded"]:
            yield self._refunded(about, charge)
        for dispute in disputes:
            yield self._disputed(about, dispute)

    def _event(self, event: Object) -> Told:
        kind = str(event["type"])
        account = str(event.get("account") or "")
        merchant = account or (PLATFORM if self.merchant else "")
        about = _About(str(event["id"]), kind, _moment(event["created"]), merchant)
        thing = event["data"]["object"]
        if _is_foreign(thing, self.installation) or (account and not self.merchant):
            return about.told(ToldKind.OTHER)
        readers = {
            "checkout.session.": self._session_event,
            "payment_intent.": self._intent_event,
            "charge.refunded": self._refunded,
            "refund.failed": self._refund,
            "refund.updated": self._refund,
            "charge.refund.updated": self._refund,
            "charge.dispute.": self._disputed,
        }
        read = next((reader for name, reader in readers.items() if kind.startswith(name)), None)
        return about.told(ToldKind.OTHER) if read is None else read(about, thing)

    def _session_event(self, about: _About, session: Object) -> Told:
        kind = about.kind
        if kind == "checkout.session.async_payment_failed":
            return about.told(ToldKind.FAILED, failure="The payment failed.", **_page(session))
        if kind in {"checkout.session.completed", "checkout.session.async_payment_succeeded"}:
            return self._page(about, session)
        if kind == "checkout.session.expired":
            return about.told(ToldKind.FAILED, failure="The page’s time ran out.", **_page(session))
        return about.told(ToldKind.OTHER)

    def _page(self, about: _About, session: Object) -> Told:
        if _is_foreign(session, self.installation):
            return about.told(ToldKind.OTHER)
        names = _page(session)
        if session["status"] == "expired":
            return about.told(ToldKind.FAILED, failure="The page’s time ran out.", **names)
        if session["status"] != "complete" or not names["capture_ref"]:
            return about.told(ToldKind.OTHER, **names)
        if session["payment_status"] != "paid":
            return about.told(ToldKind.PENDING, **names)
        code = _currency(session)
        amount_minor = from_stripe(_whole(session["amount_total"]), code)
        return about.told(ToldKind.CAPTURED, amount_minor=amount_minor, currency=code, **names)

    def _intent_event(self, about: _About, intent: Object) -> Told:
        kind = about.kind
        names = {"reference": _reference(intent), "capture_ref": str(intent["id"])}
        if kind == "payment_intent.succeeded":
            code = _currency(intent)
            amount_minor = from_stripe(_whole(intent["amount_received"]), code)
            return about.told(ToldKind.CAPTURED, amount_minor=amount_minor, currency=code, **names)
        if kind == "payment_intent.processing":
            return about.told(ToldKind.PENDING, **names)
        if kind == "payment_intent.payment_failed":
            words = (intent.get("last_payment_error") or {}).get("message") or "The payment failed."
            return about.told(ToldKind.FAILED, failure=str(words)[:FAILURE_CHARS_MAX], **names)
        if kind == "payment_intent.canceled":
            return about.told(ToldKind.FAILED, failure="The payment was given up.", **names)
        return about.told(ToldKind.OTHER)

    def _refunded(self, about: _About, charge: Object) -> Told:
        code = _currency(charge)
        return about.told(
            ToldKind.REFUNDED,
            reference=_reference(charge),
            capture_ref=_id(charge["payment_intent"]),
            amount_minor=from_stripe(_whole(charge["amount_captured"]), code),
            refunded_minor=from_stripe(_whole(charge["amount_refunded"]), code),
            currency=code,
        )

    def _refund(self, about: _About, refund: Object) -> Told:
        """Say what became of one refund; how much has gone back in all is the charge's to say."""
        names = {"capture_ref": _id(refund["payment_intent"]), "refund_ref": str(refund["id"])}
        if refund["status"] not in {"failed", "canceled", "succeeded"} or not names["capture_ref"]:
            return about.told(ToldKind.OTHER)
        code = _currency(refund)
        refunded_minor = from_stripe(self.refunded_of(_id(refund["charge"])), code)
        if refund["status"] == "succeeded":
            return about.told(ToldKind.REFUNDED, refunded_minor=refunded_minor, currency=code, **names)
        reason = str(refund.get("failure_reason") or "unknown").replace("_", " ")
        failure = f"Stripe could not send it: {reason}."[:FAILURE_CHARS_MAX]
        return about.told(
            ToldKind.REFUND_FAILED, refunded_minor=refunded_minor, currency=code, failure=failure, **names
        )

    def _disputed(self, about: _About, dispute: Object) -> Told:
        """Say how much the bank has taken; a dispute that is won, or was a question only, has taken nothing."""
        status, code = str(dispute["status"]), _currency(dispute)
        is_closed = status in {"won", "lost", "warning_closed", "prevented"}
        is_closed = is_closed or about.kind in {"charge.dispute.closed", "charge.dispute.funds_reinstated"}
        is_back = status in {"won", "prevented"} or about.kind == "charge.dispute.funds_reinstated"
        is_question = status.startswith(INQUIRY)
        if is_question and not is_closed:
            return about.told(ToldKind.OTHER)
        return about.told(
            ToldKind.DISPUTE_CLOSED if is_closed else ToldKind.DISPUTED,
            capture_ref=_id(dispute["payment_intent"]),
            dispute_ref=_id(dispute["id"]),
            disputed_minor=0 if is_back or is_question else from_stripe(_whole(dispute["amount"]), code),
            currency=code,
            failure=str(dispute.get("reason") or "").replace("_", " ")[:FAILURE_CHARS_MAX],
        )


@dataclass(frozen=True, slots=True)
class _About:
    """The event that something is told by."""

    event_id: str
    kind: str
    occurred_at: datetime
    merchant: str

    def told(self, kind: ToldKind, **said: Any) -> Told:  # noqa: ANN401  (fields of `Told`)
        event_id = self.event_id
        if self.kind == "fetch":  # no event has told it: the same answer has the same name, another has another
            amounts = [said.get(name, 0) for name in ("amount_minor", "refunded_minor", "disputed_minor")]
            named = f"fetch:{said['dispute_ref']}" if "dispute_ref" in said else event_id
            event_id = ":".join([named, str(kind), *map(str, amounts)])
        facts = {"type": self.kind}
        return Told(
            event_id=event_id, kind=kind, occurred_at=self.occurred_at, merchant=self.merchant, facts=facts, **said
        )


def _page(session: Object) -> dict[str, str]:
    return {
        "reference": _reference(session),
        "session_ref": str(session["id"]),
        "capture_ref": _id(session.get("payment_intent")),
    }


def _reference(thing: Object) -> str:
    return str((thing.get("metadata") or {}).get("reference", ""))


def _is_foreign(thing: Object, installation: str) -> bool:
    """Return whether it says that another installation on the same account has made it."""
    metadata = thing.get("metadata") or {}
    return str(metadata.get("installation", installation)) != installation


def _id(thing: Any) -> str:  # noqa: ANN401  (an id, the object itself where it was asked for, or nothing)
    if isinstance(thing, Mapping):
        return str(thing["id"])
    return str(thing or "")


def _currency(thing: Object) -> str:
    return str(thing["currency"]).upper()


def _whole(amount: Any) -> int:  # noqa: ANN401  (what JSON can say)
    if type(amount) is not int or amount < 0:
        raise ValueError("An amount is a whole number.")
    return amount


def _moment(seconds: Any) -> datetime:  # noqa: ANN401  (what JSON can say)
    return datetime.fromtimestamp(_whole(seconds), UTC)
