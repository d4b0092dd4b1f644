"""Choosing the user whom a form is for: the URL names one, or a page asks and lets one be searched for."""

from __future__ import annotations

from flask import abort, redirect, request
from flask.typing import ResponseReturnValue

from creditapp.db import db
from creditapp.queries import customers, search
from creditapp.queries.customers import Profile
from creditapp.web import urls
from creditapp.web.lists import Column, link
from creditapp.web.pages import INVALID, render_page

_COLUMNS = (Column("Customer"), Column("Email"), Column("Status"), Column("Balance", numeric=True))


def customer_or_404(customer_id: int) -> Profile:
    """Return the customer of this number; 404 for nobody."""
    found = customers.find_profile(db.session(), customer_id)
    if found is None:
        abort(404)
    return found


def chosen_customer(number: int | None = None) -> Profile | None:
    """Return whom `?customer=` names, or else this number; None where neither is there, 404 for nobody."""
    wanted = urls.number(request.args.get("customer", "")) or number
    return None if wanted is None else customer_or_404(wanted)


def ask_for_customer(title: str, lead: str, *, path: str, crumbs: list[tuple[str, str | None]]) -> ResponseReturnValue:
    """Render the page that asks, or go on to `path` with the one customer who was meant."""
    typed = search.typed_text(request.args.get("q", ""))
    found = search.find(db.session(), typed, with_entries=False) if typed else None
    if found is not None and found.only_customer is not None:
        return redirect(link(path, {"customer": found.only_customer}))
    return render_page(
        "users/choose.html",
        status=INVALID if request.method == "POST" else 200,
        crumbs=crumbs,
        title=title,
        lead=lead,
        typed=typed,
        found=found,
        columns=_COLUMNS,
        path=path,
    )
