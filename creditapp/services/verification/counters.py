"""What the counters of numbers must be: beyond every number that has been given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_LAWS = (
    *(
        Law(
            "numbers",
            f"""
            SELECT NULL, NULL, c.name, c.next_id, t.newest
            FROM id_counters c JOIN (SELECT MAX(id) AS newest FROM {table}) t ON t.newest >= c.next_id
            WHERE c.name = '{table}'
            """,  # noqa: S608  (our own names)
            "the next of the {} would be number {}, and there is number {}",
        )
        for table in ("invoices", "payments", "subscriptions")
    ),
)


def check_counters(session: Session) -> Iterator[Finding]:
    """Yield the counters that would give a number again."""
    yield from ask(session, _LAWS)
