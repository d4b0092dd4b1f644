"""Finding what a URL names, or saying that it is not there."""

from __future__ import annotations

from flask import abort

from creditapp.db import db
from creditapp.queries import customers, entries
from creditapp.queries.customers import Profile
from creditapp.queries.entries import EntryFacts


def profile_or_404(customer_id: int) -> Profile:
    """Return the customer of this page."""
    found = customers.find_profile(db.session(), customer_id)
    if found is None:
        abort(404)
    return found


def entry_or_404(customer_id: int, seq: int) -> EntryFacts:
    """Return the entry of this page."""
    found = entries.find_entry(db.session(), customer_id, seq)
    if found is None:
        abort(404)
    return found
