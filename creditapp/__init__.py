"""The account-credit desk of a billing panel."""

from __future__ import annotations

from flask import Flask
from flask_migrate import Migrate

from creditapp import models as _models  # noqa: F401  (the schema must be known before the database is)
from creditapp.config import ROOT, Config
from creditapp.db import db, init_database


def create_app(config: Config | None = None) -> Flask:
    """Make the application from `config`, or from the environment."""
    settings = config or Config.from_environment()
    app = Flask(
        "creditapp",
        instance_path=str(settings.instance_path),
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
    )
    app.config.from_mapping(settings.flask())
    init_database(app)
    Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    _init_edge(app, settings)
    _init_commands(app)
    return app


def _init_edge(app: Flask, settings: Config) -> None:
    from creditapp.blueprints import register_blueprints
    from creditapp.permissions import init_permissions
    from creditapp.web.error_pages import init_error_pages
    from creditapp.web.filters import init_filters
    from creditapp.web.gates import init_gates
    from creditapp.web.logs import init_logs
    from creditapp.web.pages import init_pages
    from creditapp.web.security import init_security
    from creditapp.web.sessions import init_sessions
    from creditapp.web.statics import init_statics
    from creditapp.web.throttle import init_throttle

    init_security(app, proxies=settings.proxies)
    init_statics(app)
    init_sessions(app)
    init_logs(app)
    register_blueprints(app)
    init_permissions(app)
    init_gates(app)
    init_throttle(app)
    init_filters(app)
    init_pages(app)
    init_error_pages(app)


def _init_commands(app: Flask) -> None:
    from creditapp.cli import init_cli
    from creditapp.jobs import init_jobs

    init_cli(app)
    init_jobs(app)
