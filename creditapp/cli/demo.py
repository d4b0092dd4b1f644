"""`flask demo`: made-up customers and history, to look at or to measure."""

from __future__ import annotations

from datetime import UTC, datetime, time

import click
from flask.cli import with_appcontext

from creditapp.cli.words import counted, refusals
from creditapp.services import demo


@click.command("demo")
@click.option("--customers", type=click.IntRange(0, 10_000_000), default=2000, show_default=True)
@click.option("--entries", type=click.IntRange(0, 100_000_000), default=demo.ENTRIES, show_default=True)
@click.option("--seed", type=int, default=demo.SEED, show_default=True, help="Another one makes another history.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day of the history; today if left out.")
@with_appcontext
def demo_command(customers: int, entries: int, seed: int, until: datetime | None) -> None:
    """Fill the panel with made-up customers and months of credit history.

    Makes customers until there are CUSTOMERS, then posts about ENTRIES entries on them, after the newest entry there
    is. Same seed, same history. Never use it where real money is kept: nothing in the ledger can be deleted.
    """
    ends = None if until is None else datetime.combine(until.date(), time(23, 59), UTC)
    with refusals():
        with click.progressbar(length=customers, label="Customers") as bar:
            made = demo.grow(customers, seed=seed, until=ends, progress=bar.update)
        with click.progressbar(length=entries, label="Entries") as bar:
            posted = demo.play(entries, seed=seed, until=ends, progress=bar.update)
    click.echo(f"Made {counted(made, 'customer')} and posted {counted(posted, 'entry', 'entries')}.")
