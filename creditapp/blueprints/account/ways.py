"""The ways in which the rest of an invoice can be paid, as the customer chooses among them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from creditapp.db import db
from creditapp.models import Setting
from creditapp.web import gateways


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay. Without a page of its own, the customer reads what to do and staff confirm it."""

    name: str
    label: str
    has_page: bool


def offered() -> list[Way]:
    """Return the ways that are offered now; those with a page of their own, which are faster, in front."""
    ways = [Way(one.name, one.label, one.has_page) for one in gateways.offered()]
    return sorted(ways, key=lambda way: not way.has_page)


def bank_details() -> str:
    """Return where a bank transfer goes to."""
    return db.session.execute(select(Setting.bank_details).where(Setting.id == 1)).scalar_one()
