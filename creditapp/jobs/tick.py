"""The tick: every minute, what is over is swept up and late credit is used; once a day comes the work of the day.

The worker does it; cron may do it instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from creditapp.cli.invoices import sentence
from creditapp.cli.words import counted, panel_currency
from creditapp.db import snapshot, transact_at
from creditapp.jobs import batches, daily, gateways, mail, referring
from creditapp.jobs.daily import Day, Used
from creditapp.jobs.mail import Mailed
from creditapp.services import housekeeping, seals
from creditapp.services.housekeeping import Swept


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did; `day` is None when the work of the day had been done."""

    swept: Swept
    arrived: Used
    day: Day | None
    mailed: Mailed


def tick(moment: datetime | None = None) -> Ticked:
    """Do what is due at this moment (now). Safe to repeat."""
    moment = moment or datetime.now(UTC)
    swept = transact_at(moment, housekeeping.run)
    _seal(moment)
    referring.run(moment)
    gateways.run(moment)
    arrived, day = daily.use_on_arrival(moment), daily.run_day(moment)
    mailed = mail.run(moment)
    batches.run()
    return Ticked(swept, arrived, day, mailed)


def _seal(moment: datetime) -> None:
    path = Path(current_app.instance_path) / seals.FILE
    with snapshot() as session:
        if seals.is_due(session, path, moment):
            seals.seal(session, path, moment)


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
    uses credit that has arrived where the settings say so, asks gateways, and sends refunds and mails. Once a day it
    seals the ledger, makes the renewal invoices, uses credit on invoices that are due, takes credit whose date has
    passed, and reminds customers of credit that soon will be. Batches go on. For cron, where no worker runs. Exits 0;
    running it twice does no harm.
    """
    done = tick(moment)
    swept = done.swept
    click.echo(
        f"Swept up {swept.sessions} sessions, {swept.drafts} drafts, {swept.rate_windows} counters, "
        f"{swept.request_keys} request keys and {swept.day_shards} rows of past days."
    )
    click.echo(f"Used credit that had arrived on {counted(done.arrived.invoices, 'invoice')}.")
    click.echo(done.mailed.words)
    if done.day is None:
        click.echo("The work of the day had been done.")
        return
    click.echo(sentence(done.day.renewed, panel_currency()))
    click.echo(f"Used credit on {counted(done.day.due.invoices, 'invoice')} that were due.")
    click.echo(f"Took {counted(done.day.expired, 'lot')} whose date had passed.")
