"""What somebody tried and may not do, written into the audit log: the refusal itself has changed nothing."""

from __future__ import annotations

import structlog
from flask import request
from flask_login import current_user

from creditapp.db import transact
from creditapp.errors import BusyError, OwnAccountError
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.web.logs import shown_path
from creditapp.web.sessions import current_actor

log = structlog.get_logger(__name__)


def note_page() -> None:
    """Write down that a page was refused to whoever is signed in."""
    _note("page", None)


def note_own_account(error: OwnAccountError) -> None:
    """Write down that somebody of the staff wanted to move credit on their own account."""
    _note("customer", error.customer_id)


def _note(object_kind: str, object_id: int | None) -> None:
    if not current_user.is_authenticated:
        return
    tried = {"method": request.method, "path": shown_path()}
    try:
        transact(audit.record, Action.REFUSED, current_actor(), object_kind, object_id, after=tried)
    except BusyError:
        log.warning("refusal_not_audited", **tried)
