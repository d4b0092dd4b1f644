"""`flask staff …`: who signs in to the dashboard."""

from __future__ import annotations

import re
import sys

import click
from flask.cli import AppGroup

from creditapp.cli.words import refusals
from creditapp.db import transact
from creditapp.models import Role
from creditapp.services import staff
from creditapp.services.actor import SYSTEM
from creditapp.text import LINE_CHARS_MAX, TextError, clean

EMAIL_CHARS_MAX = 254
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")

staff_group = AppGroup("staff", help="Staff accounts.")


@staff_group.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--name", default="", help="How the person is called on screen; the email's first part if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def create(email: str, role: str, name: str, *, password_stdin: bool) -> None:
    """Create a staff account that signs in with EMAIL.

    The password is read from standard input, or asked for at a terminal; it needs 15 characters. Exits 1, and changes
    nothing, when it is refused or the email is taken.
    """
    try:
        address = clean(email, chars_max=EMAIL_CHARS_MAX)
        called = clean(name or address.partition("@")[0], chars_max=LINE_CHARS_MAX)
    except TextError as error:
        raise click.ClickException(str(error)) from error
    if not _EMAIL.fullmatch(address):
        raise click.ClickException(f"“{address}” is no email address.")
    password = _read_password(from_stdin=password_stdin)
    with refusals():
        staff_id = transact(staff.create, address, called, Role(role), password, by=SYSTEM)
    click.echo(f"Created staff #{staff_id}: {called} <{address}>, {Role(role).label.lower()}.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.ClickException("Give the password on standard input, with --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
