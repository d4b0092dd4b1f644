"""The command line: a view without HTTP. Each noun has its file; results go to stdout, complaints to stderr."""

from __future__ import annotations

from flask import Flask

from creditapp.cli.credits import credits_group
from creditapp.cli.customers import customers_group
from creditapp.cli.demo import demo_command
from creditapp.cli.invoices import invoices_group
from creditapp.cli.ledger import ledger_group
from creditapp.cli.setup import setup_command
from creditapp.cli.staff import staff_group


def init_cli(app: Flask) -> None:
    """Give the application its commands."""
    groups = (staff_group, customers_group, credits_group, invoices_group, ledger_group)
    for command in (setup_command, demo_command, *groups):
        app.cli.add_command(command)
