"""The worker: takes jobs from the queue, and ticks every minute."""

from __future__ import annotations

from pathlib import Path

import click
import structlog
from flask import Flask, current_app
from flask.cli import with_appcontext
from huey import Huey, PostgresHuey, SqliteHuey, crontab
from huey.consumer import Consumer
from sqlalchemy import make_url

from creditapp.jobs import batches
from creditapp.jobs.tick import tick

WORKERS = 2
"""A large batch and the tick go on side by side."""
STOP_SECONDS = 15
"""How long a job may go on when the worker is told to stop."""


def queue(app: Flask) -> Huey:
    """Return the application's queue, made at the first use: in PostgreSQL, or a file in the instance folder.

    A job is put in after the commit it is about, never before.
    """
    if "huey" not in app.extensions:
        app.extensions["huey"] = _make(app)
    return app.extensions["huey"]


def _make(app: Flask) -> Huey:
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    if url.drivername.startswith("sqlite"):
        huey = SqliteHuey("creditapp", filename=str(Path(app.instance_path) / "jobs.db"))
    else:
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        huey = PostgresHuey("creditapp", dsn=dsn)

    def minute() -> None:
        with app.app_context():
            tick_quietly()

    def batches_at_once() -> None:
        with app.app_context():
            if batches.run():  # whoever tells the worker to stop waits for no more than this
                app.extensions["batches_task"]()

    huey.periodic_task(crontab(minute="*"), name="tick")(minute)
    app.extensions["batches_task"] = huey.task(name="batches")(batches_at_once)
    return huey


def tick_quietly() -> None:
    """Tick; what goes wrong is logged, and the next minute tries again."""
    try:
        tick()
    except Exception:  # noqa: BLE001  (whatever it is, the worker goes on)
        structlog.get_logger().exception("tick_failed")


class _Consumer(Consumer):  # type: ignore[misc]  # huey has no types
    """Says that it is ready once it also listens to signals."""

    def start(self) -> None:
        """Start to take jobs."""
        super().start()
        click.echo("The worker is ready.")


@click.command("worker")
@with_appcontext
def worker_command() -> None:
    """Run the worker: jobs from the queue, and a tick every minute.

    Stops on TERM when the job at hand is done, at most 15 seconds later; on INT (Ctrl-C) at once. Exits 0.
    Run one beside the web; more do no harm.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  (Flask's documented way)
    consumer = _Consumer(queue(app), workers=WORKERS, graceful_signal="TERM", shutdown_timeout=STOP_SECONDS)
    tick_quietly()
    consumer.run()
