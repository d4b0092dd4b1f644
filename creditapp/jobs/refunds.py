"""Refunds that were asked for and not sent yet: their gateways are asked, again and again, ever later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from creditapp.db import snapshot, transact_at
from creditapp.errors import DomainError
from creditapp.gateways import Gateway
from creditapp.services import refunds
from creditapp.web.refunding import Sent, send

log = structlog.get_logger(__name__)


def send_due(moment: datetime, gateways: Mapping[str, Gateway]) -> int:
    """Ask for what is due at this moment, and return how many refunds were sent. Safe to repeat."""
    with snapshot() as session:
        waiting = refunds.due(session, moment)
    sent = 0
    for one in waiting:
        try:
            sent += send(one, gateways, moment).sent == Sent.DONE
        except DomainError as error:  # the others go on, and this one is asked for again ever later
            log.warning("refund_refused", customer=one.customer_id, refund=one.refund_id, why=type(error).__name__)
            transact_at(moment, refunds.put_off, one.customer_id, one.refund_id, type(error).__name__)
    return sent
