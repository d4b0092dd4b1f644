"""Bank transfer: the customer reads where to send the money, and staff record it when it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from creditapp.gateways.protocol import Asked, GatewayError, Refunded, Started, Told


@dataclass(frozen=True, slots=True)
class Bank:
    """The bank: no page, no call-backs."""

    details: str
    """Where the money goes to, as the customer reads it."""
    name: str = "bank"
    label: str = "Bank transfer"
    merchant: str = ""

    @property
    def problem(self) -> str:
        return "" if self.details else "There are no bank details yet: customers would not know where to pay."

    @property
    def has_page(self) -> bool:
        return False

    def start(self, asked: Asked) -> Started:
        """Refuse: there is no page to start on."""
        raise GatewayError(f"A bank has no page to pay {asked.reference} on.")

    def read_event(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Told]:  # noqa: ARG002
        """Refuse: whoever calls is not the bank."""
        raise GatewayError("A bank tells nothing by itself.")

    def fetch(self, session_ref: str) -> Sequence[Told]:  # noqa: ARG002
        """Return nothing: staff look at the account."""
        return ()

    def give_up(self, session_ref: str) -> bool:  # noqa: ARG002
        """Return True: there is no page to close."""
        return True

    def refund(self, capture_ref: str, amount_minor: int, currency: str, *, key: str) -> Refunded:
        """Refuse: a person sends the money."""
        raise GatewayError(f"{amount_minor} {currency} of {capture_ref} must be sent by hand ({key}).")
