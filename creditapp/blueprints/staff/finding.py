"""Finding whom a URL names."""

from __future__ import annotations

from flask import abort

from creditapp.db import db
from creditapp.queries import staff as queries
from creditapp.queries.staff import StaffFacts


def person_or_404(staff_id: int) -> StaffFacts:
    """Return the member of the staff of this page."""
    found = queries.find(db.session(), staff_id)
    if found is None:
        abort(404)
    return found
