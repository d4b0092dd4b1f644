"""What every gateway can do, and the words in which it answers. It touches the network, never the database's money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class GatewayError(Exception):
    """A gateway did not answer, or answered no; the message is for staff and holds no secret."""


class RefusedError(GatewayError):
    """A gateway answered no, and would do so again; otherwise asking again may help."""


class SignatureError(GatewayError):
    """A call-back was not signed by the gateway, or too long ago."""


class ToldKind(StrEnum):
    """What a gateway tells us about."""

    PENDING = "pending"
    """The customer has paid; the money is not certain yet."""
    CAPTURED = "captured"
    FAILED = "failed"
    """Declined, given up, or its time ran out."""
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    """The customer's bank has taken money back."""
    DISPUTE_CLOSED = "dispute_closed"
    OTHER = "other"
    """Nothing that matters here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A payment that is to be made: minor units, and what it is called on our side."""

    reference: str
    """`customer-intent`, from which the answer is matched; also the idempotency key."""
    amount_minor: int
    currency: str
    exponent: int
    """How many decimals the currency has."""
    description: str
    return_url: str
    cancel_url: str
    callback_url: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A page of the gateway on which the customer pays."""

    session_ref: str
    page_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing a gateway tells us. Amounts are what it says in all so far, not what was added; minor units."""

    event_id: str
    kind: ToldKind
    occurred_at: datetime
    reference: str = ""
    """What we had called the payment; empty where the gateway does not repeat it."""
    session_ref: str = ""
    capture_ref: str = ""
    """What the gateway calls the money that moved; one payment of ours has one."""
    refund_ref: str = ""
    dispute_ref: str = ""
    """What the gateway calls the dispute; empty where a payment has one at most."""
    amount_minor: int = 0
    """How much was captured."""
    refunded_minor: int = 0
    """How much of it has gone back through refunds, in all."""
    disputed_minor: int = 0
    """How much of it the bank has taken back in this dispute; 0 again where it was won."""
    currency: str = ""
    """In capital letters."""
    merchant: str = ""
    """Whose account it came to."""
    failure: str = ""
    """Why not, in a few words."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth keeping; no personal words."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund as the gateway has taken it."""

    refund_ref: str
    is_done: bool
    """Otherwise a call-back tells how it ended."""


class Gateway(Protocol):
    """One way to be paid. Methods that talk to it raise `GatewayError`, may be repeated, and have a time limit."""

    @property
    def name(self) -> str:
        """As it stands in the database and the address of its call-backs: `sandbox`."""

    @property
    def label(self) -> str:
        """As people see it: *Card (sandbox)*."""

    @property
    def merchant(self) -> str:
        """The account the money must come to; empty where there is only one."""

    @property
    def problem(self) -> str:
        """Why it cannot be offered, in a sentence; empty if it can."""

    @property
    def has_page(self) -> bool:
        """Whether the customer is sent somewhere to pay. Otherwise they read what to do, and staff confirm it."""

    def start(self, asked: Asked) -> Started:
        """Make a page on which the customer pays; the same reference gives the same page.

        Raises:
            GatewayError: it could not be made.
        """

    def read_event(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Told]:
        """Return what a call-back says, in order. Its signature and its age are checked first.

        Raises:
            SignatureError: it is not the gateway's, or too old.
            GatewayError: it is signed, and cannot be read.
        """

    def fetch(self, session_ref: str) -> Sequence[Told]:
        """Ask how a payment stands, in the words of call-backs; where call-backs got lost.

        Raises:
            GatewayError: it did not answer.
        """

    def give_up(self, session_ref: str) -> bool:
        """Close the page; return whether nothing can be paid on it any more.

        Raises:
            GatewayError: it did not answer.
        """

    def refund(self, capture_ref: str, amount_minor: int, currency: str, *, key: str) -> Refunded:
        """Send so much of a capture back; the same key sends it once.

        Raises:
            RefusedError: it will not be sent, whoever asks.
            GatewayError: it did not answer; asking again under the same key is safe.
        """
