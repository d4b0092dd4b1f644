"""Acts in words: a line of the list, and one act with what was so before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from creditapp.blueprints.audit import words
from creditapp.blueprints.audit.listing import Act
from creditapp.permissions import Permission, can
from creditapp.queries.audit import ACT
from creditapp.web.filters import signed

CHANGED_MAX = 3
"""How many names of changed fields a line has room for."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that the act changed; None where that side says nothing of it."""

    name: str
    before: str | None
    after: str | None


def act_of(source: int, row: Any) -> Act:  # noqa: ANN401  (a row of acts, or of entries)
    """Put a row into words."""
    return _of_act(row) if source == ACT else _of_entry(row)


def changes_of(details: Mapping[str, Any] | None) -> list[Change]:
    """Return what the act changed, field by field."""
    before, after = _sides(details)
    return [
        Change(
            words.field_words(name),
            words.value_words(name, before[name]) if name in before else None,
            words.value_words(name, after[name]) if name in after else None,
        )
        for name in before | after
    ]


def _of_act(row: Any) -> Act:  # noqa: ANN401
    details = row.details or {}
    before, after = _sides(details)
    return Act(
        at=row.at,
        number=f"{row.seq}",
        url=url_for("audit.show", audit_seq=row.seq),
        who=words.person_words(row.actor, row.actor_id, row.staff or row.customer),
        who_url=words.person_url(row.actor, row.actor_id),
        what=words.action_words(row.action),
        object=words.object_words(row.object_kind, row.object_id),
        object_url=words.object_url(row.object_kind, row.object_id),
        changed="erased" if row.erased_at else _names([*(before | after)]),
        address=str(details.get("address", "")),
        is_entry=False,
    )


def _of_entry(row: Any) -> Act:  # noqa: ANN401
    description, reference = words.entry_words(row)
    may_open = can(Permission.CREDIT_READ)
    return Act(
        at=row.posted_at,
        number=reference,
        url=url_for("users.entry", customer_id=row.customer_id, seq=row.seq) if may_open else None,
        who=words.person_words(row.actor, row.actor_id, row.staff or row.customer),
        who_url=words.person_url(row.actor, row.actor_id),
        what=description,
        object=words.object_words("customer", row.customer_id),
        object_url=words.object_url("customer", row.customer_id),
        changed=signed(row.amount_minor),
        address="",
        is_entry=True,
    )


def _names(fields: list[str]) -> str:
    named = [words.field_words(name).lower() for name in fields]
    more = f" and {len(named) - CHANGED_MAX} more" if len(named) > CHANGED_MAX else ""
    return f"{', '.join(named[:CHANGED_MAX])}{more}"


def _sides(details: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    given = details or {}
    before, after = given.get("before"), given.get("after")
    return dict(before or {}), dict(after or {})
