"""What happens without anybody asking.

A job is a nudge: what is to be done stands in the database, not in the queue.
"""

from __future__ import annotations

from flask import Flask


def init_jobs(app: Flask) -> None:
    """Give the application the commands `worker` and `tick`."""
    from creditapp.jobs.tick import tick_command  # noqa: PLC0415  (only now is there an application)
    from creditapp.jobs.worker import worker_command  # noqa: PLC0415

    app.cli.add_command(tick_command)
    app.cli.add_command(worker_command)
