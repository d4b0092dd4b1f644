"""Finding an incident, and the way to a page about it."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for

from creditapp.db import db
from creditapp.queries import incidents as queries


def incident_or_404(incident_id: int) -> Any:  # noqa: ANN401  (a row of the incidents)
    """Return the incident of this page, read anew."""
    return queries.find(db.session(), incident_id) or abort(404)


def crumbs(incident: Any = None, here: str = "") -> list[tuple[str, str | None]]:  # noqa: ANN401  (a row of the incidents)
    """Return the way to a page about an incident, or to the list."""
    way: list[tuple[str, str | None]] = [
        ("Admin", None),
        ("Billing", None),
        ("Incidents", url_for("incidents.index") if incident is not None or here else None),
    ]
    if incident is not None:
        way.append((incident.title, url_for("incidents.show", incident_id=incident.id) if here else None))
    return [*way, (here, None)] if here else way
