"""The tick: every minute, what is over is swept up, and once a day the ledger is sealed.

The worker does it; cron may do it instead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from creditapp.db import snapshot, transact_at
from creditapp.services import housekeeping, seals
from creditapp.services.housekeeping import Swept


def tick(moment: datetime | None = None) -> Swept:
    """Do what is due at this moment (now). Safe to repeat."""
    moment = moment or datetime.now(UTC)
    swept = transact_at(moment, housekeeping.run)
    path = Path(current_app.instance_path) / seals.FILE
    with snapshot() as session:
        if seals.is_due(session, path, moment):
            seals.seal(session, path, moment)
    return swept


class _Moment(click.ParamType[datetime]):
    """A date and time as ISO 8601 writes it."""

    name = "datetime"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the moment; without a zone it is UTC."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("Write the moment like 2026-03-02T12:00 or 2026-03-02T12:00+01:00.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("tick")
@click.option("--at", "moment", type=_Moment(), help="Instead of now; ISO 8601, UTC unless it says otherwise.")
@with_appcontext
def tick_command(moment: datetime | None) -> None:
    """Do once what the worker does every minute.

    Ends sessions and drafts whose time is over, forgets old counters and request keys, adds up the sums of past days,
    and once a day seals the ledger. For cron, where no worker runs. Exits 0; running it twice does no harm.
    """
    swept = tick(moment)
    click.echo(
        f"Swept up {swept.sessions} sessions, {swept.drafts} drafts, {swept.rate_windows} counters, "
        f"{swept.request_keys} request keys and {swept.day_shards} rows of past days."
    )
