"""Downtime policies, as the settings list them and people choose among them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import DowntimePolicy, DowntimeTier
from creditapp.services.downtime import Terms

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """One policy with all that it says."""

    id: int
    name: str
    description: str
    is_active: bool
    version: int
    terms: Terms


def listed(session: Session) -> list[PolicyFacts]:
    """Return every policy, in the order of the list."""
    tiers = select(DowntimeTier).order_by(DowntimeTier.policy_id, DowntimeTier.below_ppm)
    rows = groupby(session.execute(tiers).scalars(), key=lambda tier: tier.policy_id)
    tables = {policy_id: list(table) for policy_id, table in rows}
    policies = select(DowntimePolicy).order_by(DowntimePolicy.position, DowntimePolicy.id)
    return [
        PolicyFacts(p.id, p.name, p.description, p.is_active, p.version, Terms.of(p, tables.get(p.id, ())))
        for p in session.execute(policies).scalars()
    ]


def find(session: Session, policy_id: int) -> PolicyFacts | None:
    """Return this policy, if there is one."""
    return next((one for one in listed(session) if one.id == policy_id), None)


def active(session: Session) -> list[PolicyFacts]:
    """Return the policies that are switched on, in the order of the list."""
    return [one for one in listed(session) if one.is_active]
