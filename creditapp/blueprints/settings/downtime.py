"""Settings, *Downtime*: the policies that say what an outage is worth, each with its formula and an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.downtime_forms import MovePolicyForm, PolicyForm
from creditapp.blueprints.settings.tabs import tabs
from creditapp.db import db, transact
from creditapp.errors import PolicyError, StaleFormError, TakenError
from creditapp.permissions import Permission, can, requires
from creditapp.queries import policies as queries
from creditapp.queries.policies import PolicyFacts
from creditapp.services.downtime import Credit, Fee, Terms, arithmetic, credit_for, durations, policies
from creditapp.services.downtime.durations import Duration
from creditapp.services.downtime.presets import BY_SLUG, PRESETS
from creditapp.services.downtime.reckoning import month_seconds
from creditapp.services.downtime.wording import formula, uptime
from creditapp.web.downtime import EXAMPLE_DOWN, example_fee
from creditapp.web.fields import refuse, refuse_form
from creditapp.web.filters import money
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.sessions import current_actor

PATH = "/admin/billing/settings/downtime"
UPDATE = "update"
OUTAGES = tuple(map(durations.parse, ("5 min", "30 min", "1 h", "3 h 20 min", "1 day", "3 days", "half a month")))
"""How long the outages of the small table last."""
PRESET_COLUMNS = (Column("Policy"), Column("What it says"))


@dataclass(frozen=True, slots=True)
class Worked:
    """A policy's formula, and what it comes to."""

    formula: str
    arithmetic: str
    table: list[tuple[str, str, str]]
    """How long it was down, the uptime that leaves, and the credit."""


@bp.get(PATH)
@requires(Permission.SETTINGS_READ)
def downtime() -> ResponseReturnValue:
    editable = can(Permission.SETTINGS_WRITE)
    fee_minor, down = example_fee(), durations.parse(EXAMPLE_DOWN)
    names = ["Policy", "What it gives", f"{EXAMPLE_DOWN} of {money(fee_minor)}", *([""] if editable else [])]
    return render_page(
        "settings/downtime.html",
        MovePolicyForm(sent=False),
        crumbs=[("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), ("Downtime", None)],
        tabs=tabs(),
        editable=editable,
        columns=[Column(name, numeric=place == 2) for place, name in enumerate(names)],  # noqa: PLR2004  (the amount)
        policies=[
            (one, formula(one.terms, money), money(_credit(one.terms, down, fee_minor).amount_minor))
            for one in queries.listed(db.session())
        ],
    )


@bp.route(f"{PATH}/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS_WRITE)
def new_policy() -> ResponseReturnValue:
    preset = BY_SLUG.get(request.args.get("from", ""))
    form = PolicyForm(preset)
    if form.validate_on_submit() and request.form.get("act") != UPDATE:
        try:
            transact(policies.create, form.fields, by=current_actor(), key=form.submission.key)
        except (TakenError, PolicyError) as error:
            refuse(form["name" if isinstance(error, TakenError) else error.box], error)
        else:
            notify("Policy added.", f"“{form.name.text}” can be chosen from now on.")
            return redirect(url_for("settings.downtime"), 303)
    begun = preset is not None or form.is_submitted()
    return _page(form, "New policy", presets=() if begun else PRESETS, preset_columns=PRESET_COLUMNS)


@bp.route(f"{PATH}/<id:policy_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS_WRITE)
def edit_policy(policy_id: int) -> ResponseReturnValue:
    policy = queries.find(db.session(), policy_id) or abort(404)
    form = PolicyForm(policy)
    if form.validate_on_submit() and request.form.get("act") != UPDATE:
        try:
            transact(policies.edit, policy_id, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(_found(policy_id))
        except (TakenError, PolicyError) as error:
            refuse(form["name" if isinstance(error, TakenError) else error.box], error)
        else:
            notify("Policy saved.", "It holds for previews that are made from now on.")
            return redirect(url_for("settings.downtime"), 303)
    return _page(form, policy.name, policy=policy)


@bp.post(f"{PATH}/order")
@requires(Permission.SETTINGS_WRITE)
def order_policies() -> ResponseReturnValue:
    form = MovePolicyForm()
    if form.validate() and queries.find(db.session(), form.policy_id) is not None:
        transact(policies.move, form.policy_id, up=form.up, by=current_actor())
        return redirect(url_for("settings.downtime", _anchor=_button(form.policy_id, up=form.up)), 303)
    notify("Nothing was moved.", "The page had expired; try again.", kind="warning")
    return redirect(url_for("settings.downtime"), 303)


def _found(policy_id: int) -> PolicyFacts:
    db.session.rollback()
    return queries.find(db.session(), policy_id) or abort(404)


def _page(form: PolicyForm, title: str, **context: Any) -> ResponseReturnValue:  # noqa: ANN401
    list_url = url_for("settings.downtime")
    crumbs = [("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), ("Downtime", list_url)]
    return render_page(
        "settings/downtime_policy.html",
        form,
        crumbs=[*crumbs, (title, None)],
        title=title,
        list_url=list_url,
        worked=_worked(form),
        **context,
    )


def _worked(form: PolicyForm) -> Worked | None:
    """Return the example for what the form says; None where it cannot be worked out yet."""
    if not form.is_submitted():
        terms, fee_minor, down = form.saved, example_fee(), durations.parse(EXAMPLE_DOWN)
    elif form.first_problem:
        return None
    else:
        terms, fee_minor, down = form.terms, form.example_fee.minor, form.example_down.duration
        try:
            policies.check(terms)
        except PolicyError:
            return None
    fee, credit = Fee(fee_minor), _credit(terms, down, fee_minor)
    each = [(_seconds(terms, one), _credit(terms, one, fee_minor)) for one in OUTAGES]
    return Worked(
        formula=formula(terms, money),
        arithmetic=arithmetic(credit, terms, fee, money),
        table=[(durations.words(seconds), uptime(one.uptime_ppm), money(one.amount_minor)) for seconds, one in each],
    )


def _credit(terms: Terms, down: Duration, fee_minor: int) -> Credit:
    panel = current_panel()
    return credit_for(terms, _seconds(terms, down), Fee(fee_minor), on=panel.today(), time_zone=panel.zone.key)


def _seconds(terms: Terms, down: Duration) -> int:
    panel = current_panel()
    return down.in_seconds(month_seconds(terms, panel.today(), panel.zone.key))


def _button(policy_id: int, *, up: bool) -> str:
    """Return the id of the button that moves the policy on; at the end of the list, of the one that moves it back."""
    order = [one.id for one in queries.listed(db.session())]
    is_at_end = policy_id == order[0 if up else -1]
    return f"move-{'up' if up != is_at_end else 'down'}-{policy_id}"
