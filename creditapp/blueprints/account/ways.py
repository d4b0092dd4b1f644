"""The ways in which the rest of an invoice can be paid, as the customer chooses among them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from creditapp.db import db
from creditapp.models import Setting


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay. Without a page of its own, the customer reads what to do and staff confirm it."""

    name: str
    label: str
    has_page: bool


def offered() -> list[Way]:
    """Return the ways that are offered now, in the order of the settings."""
    names = db.session.execute(select(Setting.gateways).where(Setting.id == 1)).scalar_one().split(",")
    return [Way("bank", "Bank transfer", has_page=False)] if "bank" in names else []


def bank_details() -> str:
    """Return where a bank transfer goes to."""
    return db.session.execute(select(Setting.bank_details).where(Setting.id == 1)).scalar_one()
