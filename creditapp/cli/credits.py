"""`flask credits …`: adjustments from a file."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.cli.words import counted, panel_currency, refusals
from creditapp.db import snapshot, transact
from creditapp.jobs import batches as jobs
from creditapp.models import Batch, BatchStatus, LogIn, LogInKind, Role, Staff
from creditapp.permissions import ROLES, Permission
from creditapp.queries import adjustment_files as queries
from creditapp.services import adjustment_files, batches
from creditapp.services.actor import Actor, staff
from creditapp.services.adjustment_files import Terms, Totals
from creditapp.services.staff import email_key

BAD_LINES_MAX = 1000
"""How many refused lines are named; they are all counted, and kept with the batch."""

credits_group = AppGroup("credits", help="Credit.")


@credits_group.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--staff", "email", metavar="EMAIL", required=True, help="Who adjusts: an admin or manager.")
@click.option("--post", "is_meant", is_flag=True, help="Post the lines that are in order; without it, only look.")
@click.option("--again", is_flag=True, help="Post lines again that have been posted before.")
@click.pass_context
def import_(context: click.Context, path: Path, email: str, *, is_meant: bool, again: bool) -> None:
    """Judge the adjustments in FILE.csv line by line, and post them.

    The first line names the columns customer, amount and reason, and may name note, customer_note, ticket and
    reference. Amounts are in the panel's currency, with a point for decimals; with a minus they are removed. Prints
    what the lines come to, and the refused ones on stderr. Lines that are refused are left out; the others are posted
    as one batch. Exits 1 when a line is refused. A line is posted once, however often its file comes.
    """
    by = _find(email)
    with path.open("rb") as source, refusals():
        shape = adjustment_files.check(source)
        batch_id = transact(adjustment_files.upload, source, shape, name=path.name, by=by, key=uuid4().hex, again=again)
        jobs.run_one(batch_id)
        totals = _told(batch_id)
        if is_meant and totals.to_post:
            transact(batches.issue, batch_id, count=totals.to_post, by=by, key=uuid4().hex)
        else:
            transact(batches.drop, batch_id, by=by, key=uuid4().hex)
        jobs.run_one(batch_id)
    click.echo(_outcome(batch_id))
    if totals.refused:
        context.exit(1)


def _find(email: str) -> Actor:
    with snapshot() as session:
        row = session.execute(
            select(Staff.id, Staff.role, Staff.disabled_at)
            .join(LogIn, LogIn.id == Staff.log_in_id)
            .where(LogIn.kind == LogInKind.STAFF, LogIn.email_key == email_key(email))
        ).one_or_none()
    if row is None or row.disabled_at is not None:
        raise click.ClickException(f"Nobody on the staff signs in as {email}.")
    if Permission.CREDIT_IMPORT not in ROLES[Role(row.role)]:
        raise click.ClickException(f"{email} may not post adjustments from a file: that takes an admin or a manager.")
    return staff(row.id)


def _told(batch_id: int) -> Totals:
    """Name the refused lines, say what the others come to, and return it."""
    with snapshot() as session:
        batch = session.get_one(Batch, batch_id)
        if batch.status == BatchStatus.FAILED:
            raise click.ClickException(batch.problem)
        terms = Terms.from_json(batch.terms)
        _name_refused(session, batch_id)
    totals, money = terms.totals, panel_currency().format
    if totals.refused > BAD_LINES_MAX:
        click.echo(f"… and {totals.refused - BAD_LINES_MAX:,} more refused lines.", err=True)
    ignored = f" Columns not read: {', '.join(terms.table.ignored)}." if terms.table.ignored else ""
    click.echo(
        f"{counted(totals.lines, 'line')}: {totals.to_post:,} to post, {totals.refused:,} refused, "
        f"{totals.repeated:,} posted before. {money(totals.added_minor)} added, {money(totals.removed_minor)} "
        f"removed.{ignored}"
    )
    return totals


def _name_refused(session: Session, batch_id: int) -> None:
    for count, row in enumerate(queries.refused_lines(session, batch_id)):
        if count == BAD_LINES_MAX:
            return
        click.echo(f"line {row.line}: {row.problem}", err=True)


def _outcome(batch_id: int) -> str:
    with snapshot() as session:
        batch = session.get_one(Batch, batch_id)
    if batch.status == BatchStatus.DROPPED:
        return "Nothing was posted."
    skipped = f", {batch.skipped:,} skipped; the batch says why" if batch.skipped else ""
    return f"Batch #{batch_id}: {batch.posted:,} posted{skipped}."
