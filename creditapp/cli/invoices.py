"""`flask invoices …`: what subscriptions are charged."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import click
from flask.cli import AppGroup

from creditapp.cli.words import counted, panel_currency, refusals
from creditapp.db import snapshot
from creditapp.jobs import renewing
from creditapp.jobs.renewing import Tally
from creditapp.money import Currency
from creditapp.services import days
from creditapp.services.renewal_run import Renewed

invoices_group = AppGroup("invoices", help="Invoices.")


@invoices_group.command("renew")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day to do it for; the panel's today if left out.")
@click.pass_context
def renew(context: click.Context, on: datetime | None) -> None:
    """Make the renewal invoices of a day, and use credit on them as the settings say.

    Every active subscription whose next period begins by then, or within the days in advance that the settings name,
    gets its invoice; missed periods get theirs. Prints a line on stderr for each subscription that is refused, and what
    it came to. Exits 1 when one is refused. Running it twice, or many at once, makes no second invoice.
    """
    day = on.date() if on else _today()
    money = panel_currency()
    is_terminal = sys.stderr.isatty()
    with (
        refusals(),
        click.progressbar(
            length=renewing.count_due(day) if is_terminal else 0,
            label="Renewals",
            file=sys.stderr,
            hidden=not is_terminal,
        ) as bar,
    ):
        tally = renewing.run(day, refused=lambda one: _tell(one, money), progress=bar.update)
    click.echo(sentence(tally, money))
    if tally.refused:
        context.exit(1)


def sentence(tally: Tally, money: Currency) -> str:
    """Return what the renewals of a day came to."""
    return (
        f"Renewals for {tally.on}: {counted(tally.made, 'invoice')} made, paid by credit: {tally.in_full:,} in full, "
        f"{tally.in_part:,} in part, {tally.not_at_all:,} not at all ({money.format(tally.credit_minor)} in all); "
        f"{len(tally.refused):,} refused."
    )


def _tell(renewed: Renewed, money: Currency) -> None:
    which = f"user #{renewed.customer_id}: subscription #{renewed.subscription_id}, period from {renewed.period_start}"
    why = renewed.refusal.sentence(money.format) if renewed.refusal else ""
    click.echo(f"{which}: {why}", err=True)


def _today() -> date:
    with snapshot() as session:
        session.info["now"] = datetime.now(UTC)
        return days.today(session)
