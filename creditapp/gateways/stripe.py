"""Stripe: the customer pays on its hosted Checkout page, so that no card ever comes near us.

The SDK is the extra `stripe`; it is imported where it is used, so that an installation without it runs and says so.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from creditapp.gateways.protocol import (
    Asked,
    GatewayError,
    Refunded,
    RefusedError,
    SignatureError,
    Started,
    Told,
)
from creditapp.gateways.stripe_amounts import to_stripe
from creditapp.gateways.stripe_events import Reader
from creditapp.text import excerpt

if TYPE_CHECKING:
    from stripe import StripeClient

SECONDS_MAX = 10
"""How long Stripe may take to answer once."""
RETRIES = 2
SIGNATURE_SECONDS_MAX = 300
REASON_CHARS_MAX = 160
REFUNDS_AT_ONCE = 100


class StripeGateway:
    """Stripe's hosted Checkout. `installation` tells this panel from others on the same account."""

    name = "stripe"
    label = "Card (Stripe)"
    has_page = True

    def __init__(
        self,
        *,
        secret_key: str,
        webhook_secret: str,
        installation: str,
        account: str = "",
        api_url: str = "",
        retries: int = RETRIES,
    ) -> None:
        self.merchant = account
        self._secret_key = secret_key
        self._webhook_secret = webhook_secret.strip()
        self._installation = installation
        self._api_url = api_url
        self._retries = retries

    @property
    def problem(self) -> str:
        """Why it cannot be offered, in a sentence; empty if it can."""
        if importlib.util.find_spec("stripe") is None:
            return "The extra “stripe” is not installed: pip install 'creditapp[stripe]'."
        if not self._secret_key.strip():
            return "STRIPE_SECRET_KEY is not set."
        if not self._webhook_secret:
            return "STRIPE_WEBHOOK_SECRET is not set: its call-backs could not be told from forged ones."
        return ""

    def start(self, asked: Asked) -> Started:
        """Make a Checkout page; the same reference gives the same page for a day."""
        metadata = {"reference": asked.reference, "installation": self._installation}
        price = {
            "currency": asked.currency.lower(),
            "unit_amount": to_stripe(asked.amount_minor, asked.currency),
            "product_data": {"name": asked.description},
        }
        params: dict[str, Any] = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "client_reference_id": asked.reference,
            "metadata": metadata,
            "payment_intent_data": {"description": asked.description, "metadata": metadata},
            "success_url": asked.return_url,
            "cancel_url": asked.cancel_url,
        }
        if asked.email:
            params["customer_email"] = asked.email
        with _asking():
            session: Any = self._client.v1.checkout.sessions.create(
                params,  # type: ignore[arg-type]  # a dictionary of theirs
                options={"idempotency_key": f"{self._installation}-{asked.reference}"},
            )
        if not session.url:
            raise GatewayError("Stripe made no page.")
        return Started(session.id, session.url)

    def read_event(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Told]:
        """Return what a call-back says, once its signature over the raw body and its age have been checked."""
        signature = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
        self._check(body, signature, now)
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise GatewayError("The call-back is no JSON.") from error
        if not isinstance(event, dict):
            raise GatewayError("This is no event as Stripe writes them.")
        return [self._reader.event(event)]

    def fetch(self, session_ref: str) -> Sequence[Told]:
        """Ask how a page stands, with what became of the money that was paid on it."""
        with _asking():
            session = _plain(
                self._client.v1.checkout.sessions.retrieve(session_ref, {"expand": ["payment_intent.latest_charge"]})
            )
            intent = session.get("payment_intent") or {}
            charge = intent.get("latest_charge") if isinstance(intent, dict) else None
            disputes: list[Mapping[str, Any]] = []
            if charge and charge.get("disputed"):
                found = self._client.v1.disputes.list({"payment_intent": intent["id"]})
                disputes = [_plain(one) for one in found.data]
        return list(self._reader.session(session, charge, disputes))

    def give_up(self, session_ref: str) -> bool:
        """Let the page expire; return whether nothing can be paid on it any more."""
        try:
            with _asking():
                return self._client.v1.checkout.sessions.expire(session_ref).status == "expired"
        except RefusedError:  # it has ended before: how?
            with _asking():
                return self._client.v1.checkout.sessions.retrieve(session_ref).status == "expired"

    def refund(self, capture_ref: str, amount_minor: int, currency: str, *, key: str) -> Refunded:
        """Send so much of a payment back. It is looked for first: Stripe forgets its own idempotency keys in a day."""
        with _asking():
            refund: Any = self._find_refund(capture_ref, key)
            if refund is None:
                refund = self._client.v1.refunds.create(
                    {
                        "payment_intent": capture_ref,
                        "amount": to_stripe(amount_minor, currency),
                        "metadata": {"refund": key, "installation": self._installation},
                    },
                    options={"idempotency_key": f"{self._installation}-{key}"},
                )
        if refund.status in {"failed", "canceled"}:
            reason = str(getattr(refund, "failure_reason", None) or refund.status).replace("_", " ")
            raise RefusedError(f"Stripe could not send it: {reason}.")
        return Refunded(refund.id, is_done=refund.status == "succeeded")

    def _find_refund(self, capture_ref: str, key: str) -> Any:  # noqa: ANN401  (a refund of theirs, or None)
        found = self._client.v1.refunds.list({"payment_intent": capture_ref, "limit": REFUNDS_AT_ONCE})
        for refund in found.auto_paging_iter():
            metadata = _plain(refund).get("metadata") or {}
            if (metadata.get("refund"), metadata.get("installation")) == (key, self._installation):
                return refund
        return None

    def _check(self, body: bytes, signature: str, now: datetime) -> None:
        """Refuse what Stripe has not signed, or not within the last five minutes."""
        import stripe  # noqa: PLC0415  (an extra)

        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature, self._webhook_secret)
            signed_at = next(int(one[2:]) for one in signature.split(",") if one.startswith("t="))
        except (stripe.SignatureVerificationError, ValueError, StopIteration, OverflowError) as error:
            raise SignatureError("The call-back is not signed by Stripe.") from error
        if abs(now.timestamp() - signed_at) > SIGNATURE_SECONDS_MAX:
            raise SignatureError("The call-back was signed too long ago.")

    def _refunded_of(self, charge_ref: str) -> int:
        with _asking():
            return int(self._client.v1.charges.retrieve(charge_ref).amount_refunded)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._installation, self.merchant, self._refunded_of)

    @cached_property
    def _client(self) -> StripeClient:
        """The SDK with this installation's key alone: nothing is set for the whole process."""
        if self.problem:
            raise GatewayError(self.problem)
        import stripe  # noqa: PLC0415  (an extra)

        return stripe.StripeClient(
            self._secret_key,
            base_addresses={"api": self._api_url} if self._api_url else None,
            stripe_account=self.merchant or None,
            max_network_retries=self._retries,
            http_client=stripe.RequestsClient(timeout=SECONDS_MAX),
        )


@contextmanager
def _asking() -> Iterator[None]:
    """Say in our words what went wrong; no key is ever in them."""
    import stripe  # noqa: PLC0415  (an extra)

    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise GatewayError("Stripe does not accept STRIPE_SECRET_KEY.") from error
    except stripe.APIConnectionError as error:
        raise GatewayError("Stripe did not answer.") from error
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
        words = excerpt(str(error.user_message or "no reason given"), chars_max=REASON_CHARS_MAX)
        raise RefusedError(f"Stripe refused: {words}") from error
    except stripe.StripeError as error:
        raise GatewayError("Stripe could not do it now.") from error


def _plain(thing: Any) -> dict[str, Any]:  # noqa: ANN401  (an object of theirs)
    plain: dict[str, Any] = json.loads(str(thing))
    return plain
