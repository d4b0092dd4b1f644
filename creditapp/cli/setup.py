"""`flask setup`: everything a start needs, each time."""

from __future__ import annotations

from pathlib import Path

import click
import flask_migrate
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import make_url

from creditapp.db import snapshot
from creditapp.services import demo


@click.command("setup")
@click.option("--demo/--no-demo", "wants_demo", default=True, help="Fill an empty panel with a demo.  [default: demo]")
@with_appcontext
def setup_command(*, wants_demo: bool) -> None:
    """Bring the database to the newest revision; fill an empty one with a demo, and print how to sign in.

    An empty one has neither customers nor staff. The demo takes half a minute. Safe to repeat: `make run` does it
    at each start. Exits 0.
    """
    flask_migrate.upgrade()
    _keep_to_the_owner()
    instance = Path(current_app.instance_path)
    with snapshot() as session:
        is_empty = demo.is_wanted(session)
    if is_empty and wants_demo:
        with click.progressbar(length=demo.ENTRIES, label="Making up a demo") as bar:
            demo.install(instance, progress=bar.update)
    with snapshot() as session:
        sign_ins = demo.sign_ins.usable(session, demo.sign_ins.read(instance))
        customer = demo.client.usable(session, demo.client.read(instance))
    if sign_ins:
        click.echo("Sign in as:")
        for one in sign_ins:
            click.echo(f"  {one.role.label:<14} {one.email:<22} {one.password}")
    if customer:
        click.echo("And as a customer, at /account:")
        click.echo(f"  {'Customer':<14} {customer.email:<22} {customer.password}")


def _keep_to_the_owner() -> None:
    """Let nobody else on the machine read the database file."""
    url = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"])
    if url.drivername.startswith("sqlite") and url.database:
        Path(url.database).chmod(0o600)
