"""The tick: every minute, what is over is swept up. The worker does it; cron may do it instead."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from creditapp.db import transact_at
from creditapp.services import housekeeping
from creditapp.services.housekeeping import Swept


def tick(moment: datetime | None = None) -> Swept:
    """Do what is due at this moment (now). Safe to repeat."""
    return transact_at(moment or datetime.now(UTC), housekeeping.run)


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

    Ends sessions and drafts whose time is over, forgets old counters and request keys, and adds up the sums of past
    days. For cron, where no worker runs. Exits 0; running it twice does no harm.
    """
    swept = tick(moment)
    click.echo(
        f"Swept up {swept.sessions} sessions, {swept.drafts} drafts, {swept.rate_windows} counters, "
        f"{swept.request_keys} request keys and {swept.day_shards} rows of past days."
    )
