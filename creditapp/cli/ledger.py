"""`flask ledger verify`: are the books right?"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import func, select

from creditapp.cli.words import counted
from creditapp.db import snapshot
from creditapp.models import CreditAccount, CreditEntry
from creditapp.services import seals, verification, verified

ledger_group = AppGroup("ledger", help="Prove the ledger.")


@ledger_group.command("verify")
@click.pass_context
def verify(context: click.Context) -> None:
    """Prove that entries, balances, lots, sums and both chains agree, and with the seals in the instance folder.

    Prints one line for each thing that is wrong (the first 1,000) and exits 1; exits 0 when the ledger is whole.
    Reads only, but for a note in the instance folder of when it was and what came of it, which the audit log's page
    shows; some 30 seconds for a million entries.
    """
    instance, moment = Path(current_app.instance_path), datetime.now(UTC)
    findings = verification.report(seals=instance / seals.FILE)
    with suppress(OSError):  # a folder that cannot be written to is no fault of the books
        verified.note(instance / verified.FILE, moment, len(findings))
    for finding in findings:
        click.echo(str(finding))
    if findings:
        click.echo(f"The ledger is not whole: {counted(len(findings), 'finding')}.", err=True)
        context.exit(1)
    with snapshot() as session:
        customers = session.execute(select(func.count()).select_from(CreditAccount)).scalar_one()
        entries = session.execute(select(func.count()).select_from(CreditEntry)).scalar_one()
    click.echo(f"The ledger is whole: {counted(customers, 'customer')}, {counted(entries, 'entry', 'entries')}.")
