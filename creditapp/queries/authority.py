"""What one role may post alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import RoleRules

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Authority:
    """Limits for one entry in minor units, None for no limit; and whether only own entries of today are undone."""

    add_max_minor: int | None = None
    remove_max_minor: int | None = None
    reverses_own_only: bool = False


def of_role(session: Session, role: str) -> Authority:
    """Return the rules of this role."""
    r = RoleRules
    row = session.execute(
        select(r.add_max_minor, r.remove_max_minor, r.reverses_own_only).where(r.role == role)
    ).one_or_none()
    return Authority(*row) if row else Authority()
