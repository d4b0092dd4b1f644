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
    return app
