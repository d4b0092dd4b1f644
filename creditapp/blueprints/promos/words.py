"""What a promo code brings and when, in words."""

from __future__ import annotations

from typing import Any

from creditapp.queries.promos import State
from creditapp.web.filters import day, money, percent

TONES = {State.TAKEN: "done", State.LATER: "waiting", State.OVER: "system", State.USED_UP: "system", State.OFF: "open"}


def brings(row: Any) -> str:  # noqa: ANN401  (a row of the codes)
    """Return `$10.00`, `25 % of the order` or `25 % of the order, at most $50.00`."""
    if row.percent_bp is None:
        return money(row.amount_minor)
    part = f"{percent(row.percent_bp)} % of the order"
    return part if row.most_minor is None else f"{part}, at most {money(row.most_minor)}"


def days(row: Any) -> str:  # noqa: ANN401  (a row of the codes)
    """Return the days on which a code is taken."""
    if row.starts_on and row.ends_on:
        return f"{day(row.starts_on)} – {day(row.ends_on)}"
    if row.starts_on:
        return f"From {day(row.starts_on)}"
    return f"Until {day(row.ends_on)}" if row.ends_on else "Always"


def used(row: Any) -> str:  # noqa: ANN401  (a row of the codes)
    """Return `7 of 100`, or `7`."""
    return f"{row.uses:,}" if row.uses_max is None else f"{row.uses:,} of {row.uses_max:,}"
