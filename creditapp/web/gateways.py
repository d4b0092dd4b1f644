"""The gateways of this installation, and the one way by which what they tell reaches the books."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace

from flask import current_app
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.gateways import Gateway, GatewayError, Told
from creditapp.gateways.bank import Bank
from creditapp.gateways.sandbox import Sandbox
from creditapp.gateways.stripe import StripeGateway
from creditapp.models import Setting
from creditapp.services import callbacks, numbers
from creditapp.services.callbacks import Taken
from creditapp.services.intents import FAILURE_CHARS_MAX
from creditapp.text import excerpt
from creditapp.web import refunding
from creditapp.web.addresses import own_base

UNREACHABLE = "Nobody has said where customers come back to: set CREDITAPP_PUBLIC_URL."
_TEXT_CHARS_MAX = 120
_INSTALLATION_CHARS = 16
_AMOUNT_MAX = 2**62


def gateways() -> dict[str, Gateway]:
    """Return every gateway by its name, also those that have a problem, in the order in which pages list them."""
    config = current_app.config
    details = db.session.execute(select(Setting.bank_details).where(Setting.id == 1)).scalar_one()
    made: list[Gateway] = [
        Bank(details),
        Sandbox(config["SANDBOX_KEY"], own_base() or "", is_allowed=config["SANDBOX_ALLOWED"]),
        _stripe(),
    ]
    return {one.name: one for one in made}


def _stripe() -> StripeGateway:
    """Return Stripe as it is set up, made once for its connections; its name for this panel never changes."""
    made: StripeGateway | None = current_app.extensions.get("stripe_gateway")
    if made is None:
        config = current_app.config
        name = hmac.digest(config["LEDGER_KEY"], b"installation", "sha256").hex()
        made = current_app.extensions["stripe_gateway"] = StripeGateway(
            secret_key=config["STRIPE_SECRET_KEY"],
            webhook_secret=config["STRIPE_WEBHOOK_SECRET"],
            installation=name[:_INSTALLATION_CHARS],
            account=config["STRIPE_ACCOUNT"],
            api_url=config["STRIPE_API_URL"],
        )
    return made


def offered() -> list[Gateway]:
    """Return the gateways that customers may choose from: switched on in the settings, and without a problem."""
    names = db.session.execute(select(Setting.gateways).where(Setting.id == 1)).scalar_one().split(",")
    return [one for name, one in gateways().items() if name in names and not problem_of(one)]


def problem_of(gateway: Gateway) -> str:
    """Return why the gateway cannot be offered here and now, in a sentence; empty: it can."""
    if not gateway.problem and gateway.has_page and own_base() is None:
        return UNREACHABLE
    return gateway.problem


def hear(gateway: Gateway, told: Sequence[Told], body: bytes) -> list[Taken]:
    """Let the books follow what a gateway told, each event in a transaction of its own, and return what came of it.

    Raises:
        GatewayError: an event is named or counted in a way that cannot be kept.
    """
    digest = hashlib.sha256(body).digest()
    checked = [_checked(one) for one in told]
    return [_take(gateway, one, digest) for one in checked]


def _take(gateway: Gateway, told: Told, digest: bytes) -> Taken:
    payment_id = clawback_id = 0
    if told.kind in callbacks.MONEY and not _is_known(gateway, told):
        payment_id = transact(numbers.reserve, "payments")
        clawback_id = transact(numbers.reserve, "invoices")
    numbered = {"payment_id": payment_id, "clawback_id": clawback_id}
    taken = transact(callbacks.take, gateway, told, body_digest=digest, **numbered)
    refunding.hear(gateway.name, told)
    return taken


def _is_known(gateway: Gateway, told: Told) -> bool:
    """Return whether it has been told before: then it moves nothing, and no numbers are spent on it."""
    known = callbacks.is_known(db.session(), gateway.name, told.event_id)
    db.session.rollback()
    return known


def _checked(told: Told) -> Told:
    """Return what was told as it can be kept: a name that cannot be is refused, words are made to fit."""
    names = [told.event_id, told.reference, told.session_ref, told.capture_ref, told.refund_ref, told.dispute_ref]
    names += [told.merchant, told.currency, *(fact for fact in told.facts.values() if isinstance(fact, str))]
    amounts = (told.amount_minor, told.refunded_minor, told.disputed_minor)
    if not told.event_id or any(len(name) > _TEXT_CHARS_MAX or not name.isprintable() for name in names):
        raise GatewayError("An event is named in a way that cannot be kept.")
    if any(not 0 <= amount <= _AMOUNT_MAX for amount in amounts) or len(told.currency) > 3:  # noqa: PLR2004
        raise GatewayError("An event counts in a way that cannot be kept.")
    return replace(told, failure=excerpt(told.failure, chars_max=FAILURE_CHARS_MAX))
