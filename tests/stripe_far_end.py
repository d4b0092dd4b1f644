"""Stripe's far end on loopback: it keeps what it is told, refuses what Stripe refuses, and signs its call-backs.

The official SDK talks to it over real HTTP. It does what a customer, a bank or Stripe's dashboard would do when a test
says so (`pay`, `decline`, `dispute`, …); each of those makes an event. `deliver` posts events as Stripe does: signed,
and again until they are answered with 2xx; twice, late or out of order when a test asks for that.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

KEY = "sk_test_51Kite"
WEBHOOK_SECRET = "whsec_kite"
TRIES = 5
Thing = dict[str, Any]
Post = Callable[[bytes, dict[str, str]], int]
"""Takes a body and headers to our side, and returns the status of the answer."""


class RefusalError(Exception):
    """What Stripe answers instead of doing it."""

    def __init__(self, status: int, kind: str, message: str, **more: str) -> None:
        self.status = status
        self.error = {"type": kind, "message": message, **more}


@dataclass
class FarEnd:
    """One account at Stripe."""

    url: str = ""
    account: str = ""
    sessions: dict[str, Thing] = field(default_factory=dict)
    intents: dict[str, Thing] = field(default_factory=dict)
    charges: dict[str, Thing] = field(default_factory=dict)
    refunds: dict[str, Thing] = field(default_factory=dict)
    disputes: dict[str, Thing] = field(default_factory=dict)
    events: list[Thing] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Each request: method and path."""
    keys: dict[str, tuple[bytes, int, Thing]] = field(default_factory=dict)
    refunds_pend: bool = False
    """Refunds are not sent at once, as with some banks."""
    fails: int = 0
    """So many answers get lost after the work has been done."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def pay(self, session_id: str, *, amount: int | None = None, later: bool = False) -> Thing:
        """Let the customer pay on the page, and return the intent; `later`: the money takes days to be certain."""
        session = self.sessions[session_id]
        if session["status"] != "open":
            raise AssertionError(f"Nobody can pay on a page that is {session['status']}.")
        intent = self._intent(session, session["amount_total"] if amount is None else amount)
        session |= {"status": "complete", "payment_intent": intent["id"], "payment_status": "unpaid"}
        if later:
            intent["status"] = "processing"
            self.tell("payment_intent.processing", intent)
            self.tell("checkout.session.completed", session)
        else:
            self._capture(intent)
            session |= {"payment_status": "paid", "amount_total": intent["amount"]}
            self.tell("payment_intent.succeeded", intent)
            self.tell("charge.succeeded", self.charges[intent["latest_charge"]])
            self.tell("checkout.session.completed", session)
        return intent

    def arrive(self, session_id: str, *, fails: bool = False) -> None:
        """Let money that takes days come, or not."""
        session = self.sessions[session_id]
        intent = self.intents[session["payment_intent"]]
        if fails:
            self.tell("checkout.session.async_payment_failed", session)
            return
        self._capture(intent)
        session["payment_status"] = "paid"
        self.tell("payment_intent.succeeded", intent)
        self.tell("checkout.session.async_payment_succeeded", session)

    def decline(self, session_id: str) -> None:
        """Let the card be declined; the page stays open for another."""
        session = self.sessions[session_id]
        intent = self._intent(session, session["amount_total"])
        intent["last_payment_error"] = {"code": "card_declined", "message": "Your card was declined."}
        self.tell("payment_intent.payment_failed", intent)

    def run_out(self, session_id: str) -> None:
        """Let a day go by."""
        self.sessions[session_id]["status"] = "expired"
        self.tell("checkout.session.expired", self.sessions[session_id])

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> None:
        """Let a refund come back from the bank."""
        refund = self.refunds[refund_id]
        refund |= {"status": "failed", "failure_reason": reason}
        self.charges[refund["charge"]]["amount_refunded"] -= refund["amount"]
        self.tell("refund.failed", refund)

    def succeed_refund(self, refund_id: str) -> None:
        """Let the bank take a refund that was pending."""
        self.refunds[refund_id]["status"] = "succeeded"
        self.tell("refund.updated", self.refunds[refund_id])

    def dispute(self, intent_id: str, amount: int, *, status: str = "needs_response") -> str:
        """Let the customer's bank take money back."""
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        charge["disputed"] = True
        dispute = self._make("dp", "dispute", amount=amount, currency=charge["currency"], status=status)
        dispute |= {"charge": charge["id"], "payment_intent": intent_id, "reason": "fraudulent"}
        self.disputes[dispute["id"]] = dispute
        self.tell("charge.dispute.created", dispute)
        if not status.startswith("warning_"):
            self.tell("charge.dispute.funds_withdrawn", dispute)
        return str(dispute["id"])

    def close_dispute(self, dispute_id: str, status: str) -> None:
        """Let the bank decide: won, lost, or warning_closed."""
        dispute = self.disputes[dispute_id]
        dispute["status"] = status
        self.tell("charge.dispute.closed", dispute)
        if status == "won":
            self.tell("charge.dispute.funds_reinstated", dispute)

    def tell(self, kind: str, thing: Thing) -> None:
        """Make an event of what the thing is now."""
        event = self._make("evt", "event", type=kind, data={"object": json.loads(json.dumps(thing))})
        event |= {"api_version": "2026-10-28.endive", "livemode": False}
        if self.account:
            event["account"] = self.account
        self.events.append(event)

    def told(self, *kinds: str) -> list[Thing]:
        """Return the events of these kinds, in the order of the kinds; all in the order of time without any."""
        if not kinds:
            return list(self.events)
        return [one for kind in kinds for one in self.events if one["type"] == kind]

    def deliver(self, post: Post, events: Iterable[Thing] | None = None, *, times: int = 1) -> list[int]:
        """Post the events (all) so many times each, trying again until they are taken; return the last statuses."""
        return [
            self._post_until_taken(post, event)
            for event in (self.events if events is None else events)
            for _ in range(times)
        ]

    def _post_until_taken(self, post: Post, event: Thing) -> int:
        body = json.dumps(event).encode()
        status = 0
        for _ in range(TRIES):
            status = post(body, signed(body))
            if 200 <= status < 300:
                break
        return status

    def answer(self, method: str, path: str, query: Thing, form: Thing, headers: Any) -> tuple[int, Thing]:  # noqa: ANN401
        """Return the status and the body with which a request is answered."""
        with self.lock:
            self.asked.append((method, path))
            if headers.get("Authorization") != f"Bearer {KEY}":
                raise RefusalError(401, "invalid_request_error", f"Invalid API Key provided: {KEY[:4]}****")
            if headers.get("Stripe-Account", "") != self.account:
                raise RefusalError(403, "invalid_request_error", "This key has no access to that account.")
            for (wanted, pattern), act in self._acts().items():
                match = re.fullmatch(pattern, path)
                if match and method == wanted:
                    return self._once(
                        headers.get("Idempotency-Key"), (path, form), partial(act, *match.groups(), form | query)
                    )
            raise RefusalError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")

    def _acts(self) -> dict[tuple[str, str], Callable[..., Thing]]:
        return {
            ("POST", "/v1/checkout/sessions"): self._create_session,
            ("GET", "/v1/checkout/sessions/([^/]+)"): self._show_session,
            ("POST", "/v1/checkout/sessions/([^/]+)/expire"): self._expire_session,
            ("GET", "/v1/charges/([^/]+)"): lambda one, _form: self._found(self.charges, one, "charge"),
            ("POST", "/v1/refunds"): self._create_refund,
            ("GET", "/v1/refunds"): lambda form: self._list(self.refunds, form),
            ("GET", "/v1/disputes"): lambda form: self._list(self.disputes, form),
            ("GET", "/v1/events"): lambda _form: {"object": "list", "data": self.events[::-1], "has_more": False},
        }

    def _once(self, key: str | None, asked: tuple[str, Thing], work: Callable[[], Thing]) -> tuple[int, Thing]:
        """Do the work of a key once; the same key with other parameters is refused, as Stripe does."""
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
        if key and key in self.keys:
            earlier, status, answer = self.keys[key]
            if earlier != digest:
                message = f"Keys for idempotent requests can only be used with the same parameters: {key}."
                raise RefusalError(400, "idempotency_error", message)
            return status, answer
        try:
            status, answer = 200, json.loads(json.dumps(work()))
        except RefusalError as refusal:
            status, answer = refusal.status, {"error": refusal.error}
        if key:
            self.keys[key] = digest, status, answer
            if self.fails:
                self.fails -= 1
                raise RefusalError(500, "api_error", "Something went wrong.")
        return status, answer

    def _create_session(self, form: Thing) -> Thing:
        price = form["line_items"]["0"]["price_data"]
        session = self._make("cs_test", "checkout.session", status="open", payment_status="unpaid", mode=form["mode"])
        session |= {
            "url": f"https://checkout.stripe.example/{session['id']}",
            "amount_total": int(price["unit_amount"]),
            "currency": price["currency"],
            "client_reference_id": form.get("client_reference_id"),
            "metadata": form.get("metadata", {}),
            "intent_data": form.get("payment_intent_data", {}),
            "payment_intent": None,
            "customer_email": form.get("customer_email"),
            "success_url": form["success_url"],
        }
        self.sessions[session["id"]] = session
        return session

    def _show_session(self, session_id: str, form: Thing) -> Thing:
        session = self._found(self.sessions, session_id, "checkout.session")
        expand = list(form.get("expand", {}).values())
        intent = self.intents.get(session["payment_intent"] or "")
        if intent and "payment_intent.latest_charge" in expand:
            charge = self.charges.get(intent["latest_charge"] or "")
            return session | {"payment_intent": intent | {"latest_charge": charge}}
        return session

    def _expire_session(self, session_id: str, _form: Thing) -> Thing:
        session = self._found(self.sessions, session_id, "checkout.session")
        if session["status"] != "open":
            message = f'Only Checkout Sessions with a status in ["open"] can be expired, this is {session["status"]}.'
            raise RefusalError(400, "invalid_request_error", message)
        session["status"] = "expired"
        self.tell("checkout.session.expired", session)
        return session

    def _create_refund(self, form: Thing) -> Thing:
        intent = self._found(self.intents, form["payment_intent"], "payment_intent")
        charge = self.charges[intent["latest_charge"]]
        amount = int(form["amount"])
        left = charge["amount_captured"] - charge["amount_refunded"]
        if amount < 1:
            raise RefusalError(400, "invalid_request_error", "Invalid positive integer", param="amount")
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise RefusalError(400, "invalid_request_error", message, param="amount")
        status = "pending" if self.refunds_pend else "succeeded"
        refund = self._make("re", "refund", amount=amount, currency=charge["currency"], status=status)
        refund |= {
            "charge": charge["id"],
            "payment_intent": intent["id"],
            "metadata": form.get("metadata", {}),
            "failure_reason": None,
        }
        self.refunds[refund["id"]] = refund
        charge["amount_refunded"] += amount
        self.tell("refund.created", refund)
        self.tell("charge.refunded", charge)
        return refund

    def _intent(self, session: Thing, amount: int) -> Thing:
        intent = self._make("pi", "payment_intent", amount=amount, currency=session["currency"], status="open")
        intent |= {"metadata": session["intent_data"].get("metadata", {}), "latest_charge": None, "amount_received": 0}
        self.intents[intent["id"]] = intent
        return intent

    def _capture(self, intent: Thing) -> None:
        charge = self._make("ch", "charge", amount=intent["amount"], currency=intent["currency"], status="succeeded")
        charge |= {
            "amount_captured": intent["amount"],
            "amount_refunded": 0,
            "payment_intent": intent["id"],
            "metadata": intent["metadata"],
            "disputed": False,
        }
        self.charges[charge["id"]] = charge
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}

    def _make(self, prefix: str, kind: str, **fields: Any) -> Thing:  # noqa: ANN401  (what JSON can say)
        return {"id": f"{prefix}_{next(self.numbers):014d}", "object": kind, "created": int(time.time()), **fields}

    def _list(self, things: dict[str, Thing], form: Thing) -> Thing:
        found = [one for one in things.values() if one["payment_intent"] == form.get("payment_intent")]
        return {"object": "list", "data": found, "has_more": False, "url": "/v1/list"}

    def _found(self, things: dict[str, Thing], thing_id: str, kind: str) -> Thing:
        if thing_id not in things:
            raise RefusalError(404, "invalid_request_error", f"No such {kind}: '{thing_id}'", code="resource_missing")
        return things[thing_id]


def signed(body: bytes, *, age_seconds: int = 0, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """Return the headers with which Stripe sends this body, or sent it so long ago."""
    at = int(time.time()) - age_seconds
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return {"Stripe-Signature": header, "Content-Type": "application/json"}


@contextmanager
def far_end(account: str = "") -> Iterator[FarEnd]:
    """Serve an account of Stripe's on loopback."""
    end = FarEnd(account=account)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            try:
                status, answer = end.answer(method, parts.path, _nested(parts.query), _nested(body), self.headers)
            except RefusalError as refusal:
                status, answer = refusal.status, {"error": refusal.error}
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_said: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    end.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield end
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _nested(encoded: str) -> Thing:
    """Return the form as a tree: `metadata[reference]=1-2` is in `metadata` under `reference`."""
    tree: Thing = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        *outer, last = re.findall(r"[^\[\]]+", name)
        branch = tree
        for part in outer:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return tree
