"""Ready or not: the database answers within a second, and what keeps history from changing is in place."""

from __future__ import annotations

import structlog
from flask.typing import ResponseReturnValue

from creditapp.blueprints.health import bp
from creditapp.db import db
from creditapp.permissions import public
from creditapp.services.verification import check_guards

log = structlog.get_logger(__name__)

PATIENCE_MS = 1000
_PLAIN = {"Content-Type": "text/plain"}


@bp.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    session = db.session()
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
    missing = [str(finding) for finding in check_guards(session)]
    if missing:
        log.error("guards_missing", findings=missing)
        return "not ready\n", 503, _PLAIN
    return "ready\n", _PLAIN
