"""The sandbox as a gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from creditapp.db import transact
from creditapp.gateways import signing
from creditapp.gateways.protocol import Asked, GatewayError, Refunded, Started, Told
from creditapp.gateways.sandbox.charges import refund
from creditapp.gateways.sandbox.delivering import HEADER
from creditapp.gateways.sandbox.pages import close_page, open_page, say_again
from creditapp.gateways.sandbox.telling import MERCHANT, read


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
        ref = transact(open_page, asked)
        return Started(ref, f"{self.public_url}/sandbox/pay/{ref}")

    def read_event(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Told]:
        """Return what a call-back says, once its signature and its age are checked."""
        signing.check(self.key, body, headers.get(HEADER, ""), now)
        try:
            return (read(json.loads(body)),)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise GatewayError("The body says nothing that can be read.") from error

    def fetch(self, session_ref: str) -> Sequence[Told]:
        """Return what the page has come to, in the words and under the ids of its call-backs."""
        said = transact(say_again, session_ref)
        return [read(json.loads(body)) for body in said]

    def give_up(self, session_ref: str) -> bool:
        """Close the page if nothing has been paid on it."""
        return transact(close_page, session_ref)

    def refund(self, capture_ref: str, amount_minor: int, currency: str, *, key: str) -> Refunded:
        """Send so much of a charge back, once under this key."""
        return Refunded(transact(refund, capture_ref, amount_minor, currency, refund_key=key), is_done=True)
