"""The list of staff, one person's page, and which roles need a second factor."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.audit import words
from creditapp.blueprints.staff import bp
from creditapp.blueprints.staff.buttons import buttons_of
from creditapp.blueprints.staff.finding import person_or_404
from creditapp.blueprints.staff.forms import InvitationForm, RolesForm, StaffForm
from creditapp.db import db, transact
from creditapp.errors import DomainError, StaleFormError
from creditapp.models import Role
from creditapp.permissions import Permission, can, dangerous, requires
from creditapp.queries import staff as queries
from creditapp.queries.staff import Act, StaffFacts
from creditapp.services import staff_access
from creditapp.services.sign_in import IDLE_MAX
from creditapp.web.fields import refuse_form
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.own_sessions import own_sessions
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

COLUMNS = [*map(Column, ("Name", "Email", "Role", "Last seen", "Second factor", "Status"))]
INVITED_COLUMNS = [*map(Column, ("Name", "Email", "Role", "Invited by", "Works until"))]
ACT_COLUMNS = [*map(Column, ("When", "What", "Object"))]
SESSION_COLUMNS = [*map(Column, ("Browser", "Address", "Since", "Last seen"))]


@bp.get("")
@requires(Permission.STAFF_READ)
def index() -> ResponseReturnValue:
    waiting = queries.invitations(db.session(), datetime.now(UTC))
    return render_page(
        "staff/index.html",
        crumbs=[("Admin", None), ("Staff", None)],
        people=queries.everybody(db.session()),
        columns=COLUMNS,
        invitations=[(one, InvitationForm(sent=False, data={"email": one.email})) for one in waiting],
        invited_columns=[*INVITED_COLUMNS, Column("")] if can(Permission.STAFF_WRITE) else INVITED_COLUMNS,
        required=queries.required_factors(db.session()),
    )


@bp.get("/<id:staff_id>")
@requires(Permission.STAFF_READ)
def show(staff_id: int) -> ResponseReturnValue:
    return show_person(person_or_404(staff_id))


@bp.route("/<id:staff_id>/edit", methods=["GET", "POST"])
@requires(Permission.STAFF_WRITE)
@dangerous
def edit(staff_id: int) -> ResponseReturnValue:
    person, status = person_or_404(staff_id), 200
    form = StaffForm(person)
    if form.validate_on_submit():
        try:
            transact(staff_access.edit, staff_id, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            status, person = place(form, error), person_or_404(staff_id)
            form.compare(person)
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Account saved.", person.name)
            return redirect(url_for("staff.show", staff_id=staff_id), 303)
    return render_page("staff/edit.html", form, status=status, crumbs=_crumbs(person, "Edit"), person=person)


@bp.route("/roles", methods=["GET", "POST"])
@requires(Permission.STAFF_WRITE)
@dangerous
def roles() -> ResponseReturnValue:
    form, status = _roles_form(), 200
    if form.validate_on_submit():
        try:
            transact(staff_access.require_factor, form.required, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(_roles_form(sent=False))
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Roles saved.", "Who lacks a second factor is asked to set it up on the next page.")
            return redirect(url_for("staff.index"), 303)
    crumbs = [("Admin", None), ("Staff", url_for("staff.index")), ("Second factors", None)]
    return render_page("staff/roles.html", form, status=status, crumbs=crumbs)


def show_person(person: StaffFacts, link: str | None = None) -> ResponseReturnValue:
    """Draw somebody's page; `link` is one for a new password, shown once."""
    may_edit = can(Permission.STAFF_WRITE) and person.id != current_user.id
    may_edit = may_edit and staff_access.may_give(Role(current_user.role), person.role)
    return render_page(
        "staff/show.html",
        crumbs=_crumbs(person),
        person=person,
        link=link,
        may_edit=may_edit,
        buttons=buttons_of(person) if may_edit else [],
        is_self=person.id == current_user.id,
        codes_left=queries.count_recovery_codes(db.session(), person.log_in_id),
        sessions=own_sessions(person.log_in_id, "", idle_max=IDLE_MAX),
        session_columns=SESSION_COLUMNS,
        acts=[_shown(act) for act in queries.last_acts(db.session(), person.id)],
        act_columns=ACT_COLUMNS,
    )


def _roles_form(*, sent: bool = True) -> RolesForm:
    session = db.session()
    return RolesForm(queries.required_factors(session), queries.settings_version(session), sent=sent)


def _crumbs(person: StaffFacts, *here: str) -> list[tuple[str, str | None]]:
    own = (person.name, url_for("staff.show", staff_id=person.id))
    return [("Admin", None), ("Staff", url_for("staff.index")), own, *((one, None) for one in here)]


def _shown(act: Act) -> tuple[Act, str, str, str | None]:
    """Return what was done in words, to what, and where that is shown."""
    what = words.object_words(act.object_kind, act.object_id)
    return act, words.action_words(act.action), what, words.object_url(act.object_kind, act.object_id)
