from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.search import bp
from creditapp.db import db
from creditapp.permissions import Permission, can, requires
from creditapp.queries import search
from creditapp.queries.incidents import known_places
from creditapp.queries.search import Found
from creditapp.web.filters import visible
from creditapp.web.lists import Column
from creditapp.web.pages import render_page
from creditapp.web.throttle import SEARCHES, limiter

COLUMNS = (Column("Customer"), Column("Email"), Column("Status"), Column("Balance", numeric=True))


@bp.route("/admin/search")
@requires(Permission.CUSTOMER_READ)
@limiter.limit(SEARCHES)
def find() -> ResponseReturnValue:
    typed = search.typed_text(request.args.get("q", ""))
    found = search.find(
        db.session(), typed, with_entries=can(Permission.CREDIT_READ), with_invoices=can(Permission.INVOICE_READ)
    )
    if found.entry is not None:
        return redirect(url_for("users.entry", customer_id=found.entry.customer_id, seq=found.entry.seq))
    if found.only_invoice is not None:
        return redirect(url_for("invoices.show", invoice_id=found.only_invoice))
    if found.only_customer is not None:
        return redirect(url_for("users.show", customer_id=found.only_customer))
    place = _place(typed)
    if place and not found.customers:
        return redirect(url_for("incidents.create", place=place))
    return render_page(
        "search/find.html",
        crumbs=[("Admin", None), ("Search", None)],
        typed=typed,
        found=found,
        columns=COLUMNS,
        empty=_nothing(typed, found),
        users_url=url_for("users.index"),
        all_users_url=url_for("users.index", q=typed),
        place=place,
        notes_url=url_for("credits.index", q=typed, _anchor="recent") if found.may_be_noted else None,
    )


def _place(typed: str) -> str:
    """Return what was typed if it is a server or a location, and this person may record that it was down."""
    return typed if can(Permission.INCIDENT_WRITE) and known_places(db.session(), [typed]) else ""


def _nothing(typed: str, found: Found) -> tuple[str, str, None]:
    """Say what stands where nobody was found."""
    if found.is_too_short:
        hint = "A name, an email address, a company; or a number like #1108, an invoice, a reference like CR-1108-17."
        return "Type at least two letters", hint, None
    if found.is_exact:
        hint = "Check the number. References look like CR-1108-17, numbers of users and invoices like #1108."
        return f"There is no {visible(typed)}", hint, None
    return "Nobody matches", "Try fewer letters, or another word of the name, the company or the email address.", None
