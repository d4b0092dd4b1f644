"""What is asked of gateways without anybody waiting: how open payments stand, and refunds; the sandbox is heard out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import current_app

from creditapp.db import snapshot, transact_at
from creditapp.errors import DomainError
from creditapp.gateways import Gateway, GatewayError, sandbox
from creditapp.jobs.refunds import send_due
from creditapp.services import asking, intents
from creditapp.services.asking import Open
from creditapp.web.gateways import gateways, hear

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Asked:
    """What one round came to."""

    delivered: int = 0
    """Call-backs of the sandbox that were heard."""
    asked: int = 0
    """Open payments whose gateways answered."""
    refunded: int = 0
    failed: int = 0
    """What a gateway did not answer; it is asked again."""


def run(moment: datetime) -> Asked:
    """Deliver call-backs, ask about open payments and send refunds. Safe to repeat; what fails comes again later."""
    done = Asked()
    known = gateways()
    if not known["sandbox"].problem:
        done.delivered = sandbox.deliver(current_app.config["SANDBOX_KEY"], moment).heard
    with snapshot() as session:
        opened = asking.to_ask_about(session, moment)
    for intent in opened:
        _ask(known, intent, moment, done)
    done.refunded = send_due(moment, known)
    return done


def _ask(known: dict[str, Gateway], intent: Open, moment: datetime, done: Asked) -> None:
    """Ask how an open payment stands, as if its gateway had told us."""
    if not intent.session_ref:
        if moment - intent.created_at > asking.NEVER_STARTED:
            _end(intent, moment)
        return
    gateway = known.get(intent.gateway)
    if gateway is None or gateway.problem:
        return
    try:
        hear(gateway, gateway.fetch(intent.session_ref), b"")
    except (GatewayError, DomainError) as error:
        done.failed += 1
        log.warning("gateway_not_asked", gateway=intent.gateway, intent_id=intent.intent_id, why=type(error).__name__)
    else:
        done.asked += 1


def _end(intent: Open, moment: datetime) -> None:
    """End a payment whose page was never made; one that cannot be ended keeps nobody else's from being asked about."""
    try:
        transact_at(moment, intents.fail, intent.customer_id, intent.intent_id, "Its page was never made.")
    except DomainError as error:
        log.warning("intent_not_ended", intent_id=intent.intent_id, why=type(error).__name__)
