"""What customers are told by mail: each event with its delivered words, and the placeholders they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from creditapp.models import MailEvent

COMMON = {"name": "the customer's name", "company": "the name of your company"}
"""The placeholders of every mail."""
PAGE = {"page": "a link to it, for who can sign in; needs CREDITAPP_PUBLIC_URL"}
"""What mails about something in the client area may hold as well."""
AMOUNTS = frozenset({"amount", "balance", "credit", "due", "limit"})
"""The placeholders that are amounts of money: their facts are minor units."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The mail of one event, as it comes with the product."""

    label: str
    when: str
    """When it is sent, for the list of events."""
    subject: str
    body: str
    placeholders: Mapping[str, str]
    """What may stand in braces, beside `COMMON`, and what it means."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """Made-up facts, for the preview."""
    is_switchable: bool = True
    """Without the others nobody could sign in: they are sent always."""
    page: str = ""
    """The page of the client area that it is about, with facts in braces; `{page}` in the text stands for its link."""

    @property
    def names(self) -> dict[str, str]:
        """Every placeholder of this mail, with what it means."""
        return {**COMMON, **self.placeholders, **(PAGE if self.page else {})}


_END = "\n\n{company}"
_LINK = "\n\n{page}" + _END
_CREDIT, _INVOICE = "/account/credit", "/account/invoices/{invoice}"

DELIVERED: dict[MailEvent, Delivered] = {
    MailEvent.INVITATION: Delivered(
        label="Invitation",
        when="Staff invite a customer to the client area.",
        subject="Your account at {company}",
        body="Hello {name},\n\nyou can now see your credit, your invoices and your orders online. "
        "Choose a password here:\n\n{url}\n\nThe link works once." + _END,
        placeholders={"url": "the link that opens the form"},
        example={"url": "https://billing.example/account/invitations/3kX9…"},
        is_switchable=False,
    ),
    MailEvent.PASSWORD_RESET: Delivered(
        label="New password",
        when="A customer has forgotten the password.",
        subject="Choose a new password",
        body="Hello {name},\n\nsomebody, most likely you, asked for a new password. Choose it here:\n\n{url}\n\n"
        "The link works once. If it was not you, there is nothing to do: your password stays as it is." + _END,
        placeholders={"url": "the link that opens the form"},
        example={"url": "https://billing.example/account/resets/3kX9…"},
        is_switchable=False,
    ),
    MailEvent.ADDRESS_CHANGED: Delivered(
        label="Another address to sign in with",
        when="A customer has changed the address to sign in with; it goes to the one before.",
        subject="You sign in with another address now",
        body="Hello {name},\n\nfrom now on you sign in with {email}, no longer with this address. Links for new "
        "passwords go there, too.\n\nIf it was not you who changed that, please write to us at once." + _END,
        placeholders={"email": "the new address"},
        example={"email": "ngozi@new.example"},
        is_switchable=False,
    ),
    MailEvent.CREDIT_RECEIVED: Delivered(
        label="Credit received",
        when="Credit is added, unless its reason is quiet.",
        subject="{amount} of credit was added to your account",
        body="Hello {name},\n\n{amount} of credit was added to your account.\n\n{text}\n\n"
        "Your balance is now {balance}." + _LINK,
        placeholders={
            "amount": "how much was added",
            "balance": "the balance after it",
            "text": "the line the customer sees",
        },
        example={"amount": 2500, "balance": 4000, "text": "For the outage of Tuesday"},
        page=_CREDIT,
    ),
    MailEvent.INVOICE_ISSUED: Delivered(
        label="Invoice issued",
        when="An invoice is issued and something is left to pay.",
        subject="Invoice #{invoice}",
        body="Hello {name},\n\ninvoice #{invoice} comes to {amount}.\n\n{text}" + _LINK,
        placeholders={
            "invoice": "the number of the invoice",
            "amount": "what it comes to",
            "credit": "how much of it credit has paid",
            "due": "what is left to pay",
            "due_on": "the day it is due",
            "text": "what the customer has to do",
        },
        example={
            "invoice": 1234,
            "amount": 4000,
            "credit": 1500,
            "due": 2500,
            "due_on": date(2026, 3, 31),
            "text": "Your credit has paid a part of it. Please pay the rest by 31 Mar 2026.",
        },
        page=_INVOICE,
    ),
    MailEvent.INVOICE_PAID: Delivered(
        label="Invoice paid",
        when="An invoice is paid, by money or by credit.",
        subject="Invoice #{invoice} is paid",
        body="Hello {name},\n\ninvoice #{invoice} over {amount} is paid, {credit} of it by credit. Thank you.\n\n"
        "Your credit balance is {balance}." + _LINK,
        placeholders={
            "invoice": "the number of the invoice",
            "amount": "what it came to",
            "credit": "how much of it credit has paid",
            "balance": "the credit that is left",
        },
        example={"invoice": 1234, "amount": 4000, "credit": 1500, "balance": 0},
        page=_INVOICE,
    ),
    MailEvent.PAYMENT_FAILED: Delivered(
        label="Payment failed",
        when="A payment through a gateway was declined.",
        subject="Your payment of {amount} did not go through",
        body="Hello {name},\n\nyour payment of {amount} for invoice #{invoice} did not go through. {reason}\n\n"
        "Nothing was charged, and your credit is as it was. Please try again, or pay another way." + _LINK,
        placeholders={
            "amount": "what should have been paid",
            "invoice": "the number of the invoice",
            "reason": "what the gateway says",
        },
        example={"amount": 2500, "invoice": 1234, "reason": "The card was declined."},
        page=_INVOICE,
    ),
    MailEvent.CREDIT_EXPIRING: Delivered(
        label="Credit expires soon",
        when="Some days before unused credit lapses, once for each.",
        subject="{amount} of your credit expires on {expires_on}",
        body="Hello {name},\n\n{amount} of your credit can be used until the end of {expires_on}.\n\n"
        "Your balance is {balance}." + _LINK,
        placeholders={
            "amount": "what is going to lapse",
            "expires_on": "the last day on which it can be used",
            "balance": "the balance now",
        },
        example={"amount": 1200, "expires_on": date(2026, 3, 31), "balance": 4000},
        page=_CREDIT,
    ),
    MailEvent.LOW_BALANCE: Delivered(
        label="Low balance",
        when="The balance falls below the limit; again only after it was above.",
        subject="Your credit is down to {balance}",
        body="Hello {name},\n\nyour credit balance is down to {balance}, below {limit}. "
        "What it does not cover will be charged as usual." + _LINK,
        placeholders={"balance": "the balance now", "limit": "the limit it fell below"},
        example={"balance": 300, "limit": 500},
        page=_CREDIT,
    ),
    MailEvent.REFUND_SENT: Delivered(
        label="Refund sent",
        when="Money has gone back to the customer.",
        subject="{amount} is on its way back to you",
        body="Hello {name},\n\nwe have sent {amount} back to you. It can take a few days to arrive.\n\n{reason}"
        + _LINK,
        placeholders={
            "amount": "how much went back",
            "reason": "what it is for",
        },
        example={"amount": 2500, "reason": "For invoice #1234"},
        page=_CREDIT,
    ),
}
TO_STAFF: dict[MailEvent, Delivered] = {
    MailEvent.STAFF_INVITATION: Delivered(
        label="Invitation of staff",
        when="Somebody is invited to work here.",
        subject="You are invited to {company}",
        body="Hello {name},\n\nyou can work with the customers of {company} from now on. "
        "Choose a password here:\n\n{url}\n\nThe link works once, for seven days." + _END,
        placeholders={"url": "the link that opens the form"},
        is_switchable=False,
    ),
    MailEvent.STAFF_PASSWORD_RESET: Delivered(
        label="New password of staff",
        when="Somebody who works here has forgotten the password.",
        subject="Choose a new password",
        body="Hello {name},\n\nsomebody, most likely you, asked for a new password. Choose it here:\n\n{url}\n\n"
        "The link works once, for 30 minutes. If it was not you, there is nothing to do." + _END,
        placeholders={"url": "the link that opens the form"},
        is_switchable=False,
    ),
    MailEvent.STAFF_ADDRESS_CHANGED: Delivered(
        label="Another address of staff",
        when="Somebody who works here has changed the address to sign in with; it goes to the one before.",
        subject="You sign in with another address now",
        body="Hello {name},\n\nfrom now on you sign in with {email}, no longer with this address.\n\n"
        "If it was not you who changed that, tell an admin at once." + _END,
        placeholders={"email": "the new address"},
        is_switchable=False,
    ),
    MailEvent.TEST: Delivered(
        label="Test",
        when="Staff try whether mail arrives.",
        subject="A test from {company}",
        body="Hello {name},\n\nthis is a test. If you can read it, mails to customers arrive as well." + _END,
        placeholders={},
    ),
}
"""What goes to those who work here, in words that nobody changes."""


def delivered(event: MailEvent) -> Delivered:
    """Return the mail of this event as it was delivered."""
    return TO_STAFF[event] if event in TO_STAFF else DELIVERED[event]
