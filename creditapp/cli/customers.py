"""`flask customers …`: customers from a panel's export."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import click
from flask.cli import AppGroup

from creditapp.cli.words import counted, refusals
from creditapp.db import snapshot, transact
from creditapp.money import currency
from creditapp.services import imports
from creditapp.services.actor import SYSTEM
from creditapp.services.imports import Outcome, Report, Verdict

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
