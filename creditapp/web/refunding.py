"""Sending refunds: the gateway is asked between two transactions, and what it answers is written in the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from creditapp.db import transact, transact_at
from creditapp.gateways import Gateway, GatewayError, RefusedError, Told, ToldKind
from creditapp.services import callbacks, numbers, refunds
from creditapp.services.refunds import Due


class Sent(StrEnum):
    """What became of a refund when its gateway was asked."""

    DONE = "done"
    WAITING = "waiting"
    """The gateway did not answer, or has not sent it yet; it is asked again."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it, and why, in a sentence; empty where there is nothing to explain."""

    sent: Sent
    words: str = ""


def send(one: Due, gateways: Mapping[str, Gateway], moment: datetime | None = None) -> Outcome:
    """Ask the gateway for a refund, and note what it says. Safe to repeat, also by several at once.

    Call it outside of any transaction.
    """
    at = moment or datetime.now(UTC)
    try:
        answer = _usable(gateways, one.gateway).refund(one.capture_ref, one.amount_minor, one.currency, key=one.key)
    except RefusedError as error:
        transact_at(at, refunds.fail, one.customer_id, one.refund_id, str(error))
        problem = _follow(one.gateway, one.capture_ref)
        return Outcome(Sent.FAILED, " ".join(filter(None, (str(error), problem))))
    except GatewayError as error:
        transact_at(at, refunds.put_off, one.customer_id, one.refund_id, str(error))
        return Outcome(Sent.WAITING, str(error))
    if answer.is_done:
        transact_at(at, refunds.settle, one.customer_id, one.refund_id, answer.refund_ref)
        return Outcome(Sent.DONE)
    transact_at(at, refunds.put_off, one.customer_id, one.refund_id, "", refund_ref=answer.refund_ref)
    return Outcome(Sent.WAITING)


def hear(gateway: str, told: Told) -> None:
    """Let a refund of ours end as its gateway's call-back says, after the call-back itself was taken. Repeatable."""
    if told.kind not in {ToldKind.REFUNDED, ToldKind.REFUND_FAILED} or not told.refund_ref:
        return
    found = transact(refunds.find_told, gateway, told.capture_ref, told.refund_ref)
    if found is None:
        return
    if told.kind == ToldKind.REFUNDED:
        transact(refunds.settle, *found, told.refund_ref)
    elif transact(refunds.fail, *found, told.failure or "The gateway could not send it."):
        _follow(gateway, told.capture_ref)


def _usable(gateways: Mapping[str, Gateway], name: str) -> Gateway:
    gateway = gateways.get(name)
    if gateway is None or gateway.problem:
        raise GatewayError(gateway.problem if gateway else "This gateway is not set up any more.")
    return gateway


def _follow(gateway: str, capture_ref: str) -> str:
    """Let the books follow what the refund that failed had stood in front of: others that the gateway has told of.

    Return why they could not, in a sentence; it waits in suspense, too.
    """
    number = transact(numbers.reserve, "invoices")
    return transact(callbacks.follow_up, gateway, capture_ref, clawback_id=number)
