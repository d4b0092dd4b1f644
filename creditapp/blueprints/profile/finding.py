"""Who asks, and whether they know their password."""

from __future__ import annotations

from flask import abort, url_for
from flask_login import current_user

from creditapp.blueprints.auth.password_forms import ChangePasswordForm
from creditapp.blueprints.profile.forms import OwnPasswordForm
from creditapp.db import db
from creditapp.queries import staff as queries
from creditapp.queries.staff import StaffFacts
from creditapp.services import passwords

CRUMBS: list[tuple[str, str | None]] = [("Admin", None), ("Profile", None)]
_WRONG = "This is not your current password."


def own_facts() -> StaffFacts:
    """Return who asks."""
    found = queries.find(db.session(), current_user.id)
    if found is None:
        abort(404)
    return found


def crumbs(here: str) -> list[tuple[str, str | None]]:
    """Return the way to a page below the profile."""
    return [("Admin", None), ("Profile", url_for("profile.show")), (here, None)]


def knows_it(form: ChangePasswordForm | OwnPasswordForm) -> bool:
    """Return whether the current password was typed; the form says so if not."""
    known = queries.find_hash(db.session(), current_user.log_in_id)
    if passwords.verify(known, form.old_password.data or ""):
        return True
    form.old_password.errors = [*form.old_password.errors, _WRONG]
    return False
