"""Whether the chain of the log is whole: what was proved last, and a button that proves its newest rows now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from flask import current_app, redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.audit import bp
from creditapp.db import db, snapshot, transact
from creditapp.permissions import Permission, requires
from creditapp.queries import audit as queries
from creditapp.services import audit, seals, verified
from creditapp.services.audit import Action
from creditapp.services.verification.audit_chain import check_newest
from creditapp.services.verified import Verified
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import limiter

NEWEST_ROWS = 10_000
"""How many rows are proved while somebody waits; that takes about a second."""
FINDINGS_SHOWN = 5


class VerifyForm(BareForm):
    """The button."""


@dataclass(frozen=True, slots=True)
class Check:
    """The last time the newest rows were proved from the page."""

    at: datetime
    who: str
    rows: int
    findings: int


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is known of the chain."""

    newest: Check | None
    whole: Verified | None
    """When `flask ledger verify` proved everything."""
    sealed_at: datetime | None


def read_proofs() -> Proofs:
    """Return what was proved last, and when the heads were sealed last."""
    instance = Path(current_app.instance_path)
    row = queries.last_check(db.session())
    return Proofs(
        None if row is None else _check(row, row.details or {}),
        verified.last(instance / verified.FILE),
        seals.last_sealed_at(current_app.config["LEDGER_KEY"], instance / seals.FILE),
    )


@bp.post("/admin/audit/verification")
@requires(Permission.AUDIT_VERIFY)
@limiter.limit("10 per minute")
def verify() -> ResponseReturnValue:
    if not VerifyForm().validate():
        notify("This page had expired: nothing was verified.", "Press the button again.", kind="warning")
        return redirect(url_for("audit.index"), 303)
    with snapshot() as session:
        path = Path(current_app.instance_path) / seals.FILE
        rows = queries.newest_number(session)
        with closing(check_newest(session, NEWEST_ROWS, path)) as findings:
            found = [str(finding) for finding in islice(findings, FINDINGS_SHOWN + 1)]
    proved = {"rows": min(rows, NEWEST_ROWS), "findings": len(found)}
    transact(audit.record, Action.CHAIN_VERIFIED, current_actor(), "audit", None, after=proved)
    _say(found, proved["rows"])
    return redirect(url_for("audit.index"), 303)


def _say(found: list[str], rows: int) -> None:
    if not found:
        notify(f"The newest {rows:,} rows are whole.", "“flask ledger verify” proves all of them, and the books.")
        return
    shown = "; ".join(found[:FINDINGS_SHOWN])
    more = " There is more." if len(found) > FINDINGS_SHOWN else ""
    notify("The audit log is not whole.", f"{shown}.{more} Run “flask ledger verify”.", kind="error")


def _check(row: Any, details: Mapping[str, Any]) -> Check:  # noqa: ANN401  (a row of acts)
    after = details.get("after", {})
    return Check(row.at, row.staff or "", int(after.get("rows", 0)), int(after.get("findings", 0)))
