"""`flask staff …`: who signs in to the dashboard."""

from __future__ import annotations

import re
import secrets
import sys

import click
from flask import current_app, url_for
from flask.cli import AppGroup

from creditapp.cli.words import refusals
from creditapp.db import db, transact
from creditapp.models import Role
from creditapp.services import sign_in, staff, staff_access
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
    address, called = _who(email, name)
    password = _read_password(from_stdin=password_stdin)
    with refusals():
        staff_id = transact(staff.create, address, called, Role(role), password, by=SYSTEM)
    click.echo(f"Created staff #{staff_id}: {called} <{address}>, {Role(role).label.lower()}.")


@staff_group.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--name", default="", help="How the person is called on screen; the email's first part if left out.")
def invite(email: str, role: str, name: str) -> None:
    """Invite EMAIL to work here, and print the link with which a password is chosen: once, and for seven days.

    Nothing is mailed. This is how the first admin comes in. Exits 1, and changes nothing, when the email is taken.
    """
    address, called = _who(email, name)
    invited = staff_access.Invitation(address, called, Role(role))
    with refusals():
        token = transact(
            staff_access.invite, invited, link=lambda _token: None, by=SYSTEM, key=secrets.token_urlsafe(18)
        )
    with current_app.test_request_context():
        path = url_for("auth.invitation", token=token)
    click.echo(f"{current_app.config['PUBLIC_URL']}{path}")


@staff_group.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Keep EMAIL from signing in, and close whatever is open."""
    staff_id = _find(email)
    with refusals():
        transact(staff_access.disable, staff_id, by=SYSTEM)
    click.echo(f"Disabled staff #{staff_id}.")


@staff_group.command("reset-factor")
@click.argument("email")
def reset_factor(email: str) -> None:
    """Take the second factor of EMAIL away: for who has lost the phone and the recovery codes."""
    staff_id = _find(email)
    with refusals():
        transact(staff_access.reset_factor, staff_id, by=SYSTEM)
    click.echo(f"Staff #{staff_id} signs in with the password alone.")


def _who(email: str, name: str) -> tuple[str, str]:
    """Return the address and the name, cleaned."""
    try:
        address = clean(email, chars_max=EMAIL_CHARS_MAX)
        called = clean(name or address.partition("@")[0], chars_max=LINE_CHARS_MAX)
    except TextError as error:
        raise click.ClickException(str(error)) from error
    if not _EMAIL.fullmatch(address):
        raise click.ClickException(f"“{address}” is no email address.")
    return address, called


def _find(email: str) -> int:
    """Return the number of who signs in with this address."""
    found = sign_in.find_staff_log_in(db.session(), email)
    db.session.rollback()
    if found is None:
        raise click.ClickException(f"Nobody of the staff signs in with “{email}”.")
    return found.staff_id


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.ClickException("Give the password on standard input, with --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
