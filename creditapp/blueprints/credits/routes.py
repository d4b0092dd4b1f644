from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from creditapp.blueprints.credits import adjustments, balances, bp
from creditapp.blueprints.credits.figures import read_figures
from creditapp.blueprints.credits.places import Place
from creditapp.db import db, snapshot
from creditapp.permissions import Permission, requires
from creditapp.queries import totals
from creditapp.web.exports import csv_response, record_export
from creditapp.web.lists import link
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter


@bp.route("/admin/billing/credits")
@requires(Permission.CREDIT_READ)
def index() -> ResponseReturnValue:
    session, panel = db.session(), current_panel()
    place = Place(url_for("credits.index"), request.args)
    on, on_hint = _read_on(place, panel.today())
    recent = adjustments.read_list(session, place, panel)
    balance = balances.read_list(session, place)
    return render_page(
        "credits/index.html",
        crumbs=[("Admin", None), ("Billing", None), ("Credits", None)],
        place=place,
        figures=read_figures(session, place, panel.today()),
        today=panel.today(),
        on=on,
        on_hint=on_hint,
        on_minor=totals.outstanding_on(session, on) if on else None,
        recent=recent,
        balances=balance,
        adjustments_url=link(url_for("credits.export_adjustments"), recent.export_args),
        balances_url=link(url_for("credits.export_balances"), balance.export_args),
        users_url=url_for("users.index"),
    )


@bp.route("/admin/billing/credits/adjustments.csv")
@requires(Permission.CREDIT_EXPORT)
@limiter.limit(EXPORTS)
def export_adjustments() -> ResponseReturnValue:
    panel = current_panel()
    place = Place(url_for("credits.index"), request.args)
    wanted = adjustments.read_for_file(db.session(), place, panel)
    record_export("adjustments", None, place.args)
    rows = _from_snapshot(lambda session: adjustments.lines(session, wanted, panel))
    return csv_response(f"adjustments-{panel.today()}.csv", adjustments.HEADINGS, rows)


@bp.route("/admin/billing/credits/balances.csv")
@requires(Permission.CUSTOMER_EXPORT)
@limiter.limit(EXPORTS)
def export_balances() -> ResponseReturnValue:
    panel = current_panel()
    place = Place(url_for("credits.index"), request.args)
    wanted = balances.read(place)
    record_export("balances", None, place.args)
    rows = _from_snapshot(lambda session: balances.lines(session, wanted, panel))
    return csv_response(f"balances-{panel.today()}.csv", balances.HEADINGS, rows)


def _read_on(place: Place, today: date) -> tuple[date | None, str | None]:
    """Return the day whose total is asked for, or why there is none."""
    typed = place.get("on")
    if not typed:
        return None, None
    day = adjustments.read_day(typed)
    if day is None:
        place.forget("on")
        return None, f"“{typed[:40]}” is no date; write it like 2026-03-14."
    return (day, None) if day <= today else (None, "That day has not come yet.")


def _from_snapshot(read: Callable[[Session], Iterator[Sequence[Any]]]) -> Iterator[Sequence[Any]]:
    """Yield rows of one moment of the database."""
    with snapshot() as session:
        yield from read(session)
