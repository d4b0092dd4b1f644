"""The customers' door: one log-in for each customer, and no link that opens somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_LAWS = (
    Law(
        "access",
        """
        SELECT customer_id, NULL, COUNT(*) FROM log_ins
        WHERE kind = 'customer'
        GROUP BY customer_id
        HAVING COUNT(*) > 1
        """,
        "there are {} log-ins to the client area",
    ),
    Law(
        "access",
        """
        SELECT o.customer_id, NULL FROM one_time_links o JOIN log_ins l ON l.id = o.log_in_id
        WHERE COALESCE(l.customer_id, 0) <> COALESCE(o.customer_id, 0)
        """,
        "a link for a new password is about the log-in of somebody else",
    ),
)


def check_access(session: Session) -> Iterator[Finding]:
    """Yield what is wrong with who can sign in to the client area."""
    yield from ask(session, _LAWS)
