"""What keeps history from changing is there: the triggers of this engine, and the kinds as the code knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from creditapp.models import CreditKind
from creditapp.services.ledger import KINDS
from creditapp.services.verification.findings import Finding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

APPEND_ONLY = ("credit_entries", "credit_draws", "audit_log", "credit_kinds", "invoice_events")
"""Tables whose rows never change."""
KEPT = (
    "credit_accounts",
    "credit_lots",
    "credit_entry_texts",
    "audit_details",
    "credit_totals",
    "audit_head",
    "invoices",
    "payments",
    "payment_allocations",
    "id_counters",
    *("payment_intents", "captures", "gateway_events", "refunds", "promo_uses", "referrals"),
    *("downtime_policies", "incidents", "batches"),
)
"""Tables whose rows never go."""
_FIXED = {"batch_lines_fixed", "batch_lines_no_delete"}
"""What keeps the lines of an issued batch as they were."""
CHANGING = ("credit_accounts", "credit_lots", "credit_entry_texts", "audit_details")
"""Those of them whose rows change in prescribed ways only."""

_SQLITE = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'")
_POSTGRESQL = text(
    "SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE t.tgparentid = 0 AND t.tgenabled = 'A' AND p.prosrc LIKE '%RAISE EXCEPTION%'"
)
_PARTITIONS = text(
    "SELECT parent.relname, part.relname FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent "
    "JOIN pg_class part ON part.oid = i.inhrelid WHERE part.relkind = 'r'"
)
_OFF = text(
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE p.proname IN ('refuse_change', 'refuse_once_issued') AND t.tgenabled <> 'A'"
)


def expected_guards(engine: str) -> set[str]:
    """Return the names of the triggers this engine must have."""
    changing = {f"{table}_kept" for table in CHANGING}
    if engine == "sqlite":
        never_go = {f"{table}_{verb}" for table in (*APPEND_ONLY, *KEPT) for verb in ("no_delete", "no_replace")}
        return never_go | changing | _FIXED | {f"{table}_no_update" for table in APPEND_ONLY}
    never_emptied = {f"{table}_no_truncate" for table in (*APPEND_ONLY, *KEPT)}
    never_go = {f"{table}_no_delete" for table in KEPT} | _FIXED
    return never_emptied | never_go | changing | {f"{table}_append_only" for table in APPEND_ONLY}


def check_guards(session: Session) -> Iterator[Finding]:
    """Yield each trigger that is missing, hollow or switched off."""
    engine = session.connection().dialect.name
    found = set(session.execute(_SQLITE if engine == "sqlite" else _POSTGRESQL).scalars())
    expected = expected_guards(engine)
    if engine == "postgresql":
        guarded = {*APPEND_ONLY, *KEPT}
        expected |= {f"{part}_no_truncate" for table, part in session.execute(_PARTITIONS) if table in guarded}
    for name in sorted(expected - found):
        yield Finding("guards", None, None, f"the trigger {name} is missing or switched off")
    if engine == "postgresql":
        for table, name in session.execute(_OFF):
            yield Finding("guards", None, None, f"the trigger {name} on {table} is switched off")


def check_kinds(session: Session) -> Iterator[Finding]:
    """Yield each kind that the table and the code do not agree on."""
    stored = {kind: (sign, effect) for kind, sign, effect in session.execute(_KINDS)}
    known = {str(kind): (rules.sign, str(rules.effect)) for kind, rules in KINDS.items()}
    for kind in sorted(stored.keys() | known.keys()):
        if stored.get(kind) != known.get(kind):
            yield Finding(
                "kinds", None, None, f"“{kind}” is {stored.get(kind)} in the table, {known.get(kind)} in the code"
            )


_KINDS = select(CreditKind.kind, CreditKind.sign, CreditKind.effect)
