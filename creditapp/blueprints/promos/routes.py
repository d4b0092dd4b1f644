from __future__ import annotations

from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.promos import bp
from creditapp.blueprints.promos.forms import PromoForm
from creditapp.blueprints.promos.listing import COLUMNS, STATE_CHOICES, Asked, read_page
from creditapp.blueprints.promos.words import TONES, brings, days, used
from creditapp.db import db, transact
from creditapp.errors import CodeError, DomainError, StaleFormError
from creditapp.permissions import Permission, requires
from creditapp.queries import promos as queries
from creditapp.queries.promos import State
from creditapp.services import promos
from creditapp.web.fields import refuse
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

BILLING = [("Admin", None), ("Billing", None)]


@bp.get("/admin/billing/promo-codes")
@requires(Permission.PROMO_READ)
def index() -> ResponseReturnValue:
    path = url_for("promos.index")
    asked = Asked.read(request.args)
    return render_page(
        "promos/index.html",
        crumbs=[*BILLING, ("Promo codes", None)],
        asked=asked,
        page=read_page(asked, request.args, path, current_panel().today()),
        columns=COLUMNS,
        chips=asked.chips(path),
        state_choices=STATE_CHOICES,
        path=path,
        state_of=State,
        tones=TONES,
        words={"brings": brings, "days": days, "used": used},
    )


@bp.route("/admin/billing/promo-codes/new", methods=["GET", "POST"])
@requires(Permission.PROMO_WRITE)
def create() -> ResponseReturnValue:
    form = PromoForm()
    status = 200
    if form.validate_on_submit():
        try:
            promo_id = transact(promos.create, form.fields, by=current_actor(), key=form.submission.key)
        except DomainError as error:
            status = _refuse(form, error)
        else:
            notify("Promo code added.", form.fields.code)
            return redirect(url_for("promos.show", promo_id=promo_id), 303)
    return _page(form, "New promo code", status)


@bp.route("/admin/billing/promo-codes/<id:promo_id>/edit", methods=["GET", "POST"])
@requires(Permission.PROMO_WRITE)
def edit(promo_id: int) -> ResponseReturnValue:
    promo = promo_or_404(promo_id)
    form = PromoForm(promo)
    status = 200
    if form.validate_on_submit():
        try:
            transact(promos.edit, promo_id, form.fields, version=form.version.number, by=current_actor())
        except DomainError as error:
            status = _refuse(form, error)
            if isinstance(error, StaleFormError):
                form.compare(promo_or_404(promo_id))
        else:
            notify("Promo code saved.", form.fields.code)
            return redirect(url_for("promos.show", promo_id=promo_id), 303)
    return _page(form, f"Edit {promo.code}", status, promo)


@bp.post("/admin/billing/promo-codes/<id:promo_id>/off")
@requires(Permission.PROMO_WRITE)
def switch_off(promo_id: int) -> ResponseReturnValue:
    promo = promo_or_404(promo_id)
    form = BareForm()
    if form.validate():
        transact(promos.switch_off, promo_id, by=current_actor())
        notify(f"{promo.code} is switched off.", "What it has promised still comes.")
    else:
        notify("This form had expired.", "Nothing was saved; press the button again.", kind="error")
    return redirect(url_for("promos.show", promo_id=promo_id), 303)


def promo_or_404(promo_id: int) -> Any:  # noqa: ANN401  (a row of the codes)
    """Return the code of this page."""
    return queries.find(db.session(), promo_id, current_panel().today()) or abort(404)


def _refuse(form: PromoForm, error: DomainError) -> int:
    if isinstance(error, CodeError):
        refuse(form[error.box], error)
        return 422
    return place(form, error)


def _page(form: PromoForm, title: str, status: int, promo: Any = None) -> ResponseReturnValue:  # noqa: ANN401
    list_url = url_for("promos.index")
    back_url = list_url if promo is None else url_for("promos.show", promo_id=promo.id)
    crumbs = [*BILLING, ("Promo codes", list_url), (title, None)]
    return render_page(
        "promos/edit.html", form, status=status, crumbs=crumbs, title=title, promo=promo, back_url=back_url
    )
