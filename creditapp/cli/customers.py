"""`flask customers …`: customers from a panel's export, and merging two of them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import click
from flask.cli import AppGroup

from creditapp.cli.words import counted, panel_currency, refusals
from creditapp.db import snapshot, transact
from creditapp.errors import CustomerNotFoundError
from creditapp.money import currency
from creditapp.queries import customers as queries
from creditapp.queries.customers import Profile
from creditapp.services import imports, merging
from creditapp.services.actor import SYSTEM
from creditapp.services.imports import Outcome, Report, Verdict
from creditapp.web.filters import visible

customers_group = AppGroup("customers", help="Customers.")


@customers_group.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.pass_context
def import_(context: click.Context, path: Path, *, dry_run: bool) -> None:
    """Import customers and their opening balances from FILE.csv, all of them or none.

    The first line names the columns external_id, name, company, email, opening_balance and joined_on. Balances are in
    the panel's currency, with a point for decimals. Prints a verdict on each line, refused ones on stderr, and what
    they come to. Exits 1 when a line is refused. Importing a file twice adds nothing.
    """
    with path.open("rb") as source, refusals():
        with snapshot() as session:
            report = imports.check(session, source, told=_tell)
        if report.refused:
            click.echo(_totals(report), err=True)
            click.echo("Nothing was imported.", err=True)
            context.exit(1)
        if not dry_run:
            report = transact(imports.post, source, by=SYSTEM, key=uuid4().hex)
    click.echo(f"{_totals(report)} {'Nothing was imported: a dry run.' if dry_run else 'Imported.'}")


@customers_group.command("merge")
@click.argument("customer_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--into", "survivor_id", metavar="ID", type=click.IntRange(min=1), required=True, help="Whose is kept.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def merge(customer_id: int, survivor_id: int, *, yes: bool) -> None:
    """Merge the customer ID into another one, whose profile is kept.

    Balance, open invoices, subscriptions and the log-in move; what has been stays under the old number, which leads to
    the other from then on. Asks before it does so. Exits 1 when it cannot be done. A merge cannot be undone.
    """
    with refusals():
        left, kept = _profile(customer_id), _profile(survivor_id)
        if not yes:
            click.confirm(f"Merge {_named(left)} into {_named(kept)}? This cannot be undone.", abort=True)
        done = transact(merging.merge, left.id, into=kept.id, by=SYSTEM, key=uuid4().hex)
    moved = panel_currency().format(done.moved_minor)
    invoices, subscriptions = counted(done.invoices, "open invoice"), counted(done.subscriptions, "subscription")
    click.echo(f"#{left.id} was merged into #{kept.id}: {moved}, {invoices} and {subscriptions} moved.")


def _profile(customer_id: int) -> Profile:
    with snapshot() as session:
        found = queries.find_profile(session, customer_id)
    if found is None:
        raise CustomerNotFoundError(customer_id)
    return found


def _named(profile: Profile) -> str:
    return f"#{profile.id} {visible(profile.name)} ({panel_currency().format(profile.balance_minor)})"


def _tell(verdict: Verdict) -> None:
    is_bad = verdict.outcome is Outcome.REFUSED
    click.echo(f"line {verdict.line}: {verdict.external_id}: {verdict.sentence}", err=is_bad)


def _totals(report: Report) -> str:
    opening = currency(report.currency).format(report.opening_minor)
    ignored = f" Columns not read: {', '.join(report.ignored_columns)}." if report.ignored_columns else ""
    return (
        f"{counted(report.lines, 'line')}: {report.new:,} new, {report.unchanged:,} already there, "
        f"{report.refused:,} refused. Opening balances: {opening}.{ignored}"
    )
