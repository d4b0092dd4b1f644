"""What a payment of a gateway stands at: a sum of all that was told of it, in whatever order that came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from creditapp.gateways.protocol import ToldKind

MONEY = (
    *(ToldKind.CAPTURED, ToldKind.REFUNDED, ToldKind.REFUND_FAILED, ToldKind.DISPUTED),
    ToldKind.DISPUTE_CLOSED,
)
"""The kinds that are about money that moved."""
_BACK = (ToldKind.REFUNDED, ToldKind.REFUND_FAILED)
_DISPUTES = (ToldKind.DISPUTED, ToldKind.DISPUTE_CLOSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What one payment of a gateway stands at, by all that was told of it; minor units."""

    captured_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    is_dispute_closed: bool = False


def stand(events: Iterable[Row[Any]]) -> Standing:
    """Return what a payment stands at: a sum of the events that depends on neither their order nor repeats.

    Amounts are cumulative, so the highest counts, until a refund has failed or a dispute has ended: then what was said
    last, by the gateway's own clock. A payment may be disputed more than once; each dispute stands for itself, and what
    the bank has taken is their sum.
    """
    told = [(row.kind, row.occurred_at, row.facts) for row in events]
    captured = [int(facts.get("captured_minor", 0)) for kind, _at, facts in told if kind == ToldKind.CAPTURED]
    back = [
        (at, kind == ToldKind.REFUND_FAILED, int(facts.get("refunded_minor", 0)))
        for kind, at, facts in told
        if kind in _BACK
    ]
    disputes: dict[str, tuple[datetime, bool, int]] = {}
    for kind, at, facts in told:
        if kind in _DISPUTES:
            name = str(facts.get("dispute_ref", ""))
            said = (at, kind == ToldKind.DISPUTE_CLOSED, int(facts.get("disputed_minor", 0)))
            disputes[name] = max(disputes.get(name, said), said)
    has_failed = any(failed for _at, failed, _minor in back)
    return Standing(
        max(captured, default=0),
        max(back)[2] if has_failed else max((minor for _at, _failed, minor in back), default=0),
        sum(minor for _at, _closed, minor in disputes.values()),
        bool(disputes) and all(closed for _at, closed, _minor in disputes.values()),
    )
