"""An audit log of many rows, made in one statement: no chain holds them together."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

RARE_STAFF, RARE_ACTION, RARE_OBJECT = 999, "policy_edited", 4_000_000
SQLITE = ("1767225600000000 + i * 60000000", "CAST(printf('%032d', i) AS BLOB)")
POSTGRESQL = ("timestamptz '2026-01-01 00:00Z' + i * interval '1 minute'", "decode(lpad(to_hex(i), 64, '0'), 'hex')")
_STATEMENT = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO audit_log (seq, at, actor, actor_id, action, object_kind, object_id, details_digest, hash)
SELECT i + {first}, {at},
  CASE WHEN i % 20 = 0 THEN 'system' WHEN i % 20 = 1 THEN 'customer' ELSE 'staff' END,
  CASE WHEN i % 20 = 0 THEN NULL WHEN i % 10000 = 7 THEN {staff} ELSE i % 40 END,
  CASE WHEN i % 10000 = 8 THEN '{action}' WHEN i % 3 = 0 THEN 'signed_in' WHEN i % 3 = 1 THEN 'customer_edited'
       ELSE 'product_edited' END,
  CASE WHEN i % 7 = 0 THEN 'page' WHEN i % 3 = 0 THEN 'staff' WHEN i % 3 = 1 THEN 'customer' ELSE 'product' END,
  CASE WHEN i % 10000 = 10 THEN {object} WHEN i % 7 = 0 THEN NULL ELSE i % 5000 END,
  {hash}, {hash}
FROM n
"""


def fill(session: Session, rows: int) -> None:
    """Write this many rows: one a minute, by forty people, a twentieth of them by the system; a few are rare."""
    at, hash_ = SQLITE if session.connection().dialect.name == "sqlite" else POSTGRESQL
    first = session.execute(text("SELECT coalesce(max(seq), 0) FROM audit_log")).scalar_one()
    values = {"staff": RARE_STAFF, "action": RARE_ACTION, "object": RARE_OBJECT}
    session.execute(text(_STATEMENT.format(rows=rows, first=first, at=at, hash=hash_, **values)))
    session.execute(text(f"UPDATE audit_head SET seq = {first + rows}"))
