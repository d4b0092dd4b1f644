"""Invitations to work here: made, sent again, withdrawn."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.auth.links import invitation_link
from creditapp.blueprints.staff import bp
from creditapp.blueprints.staff.forms import InvitationForm, InviteForm
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import staff as queries
from creditapp.services import staff_access
from creditapp.services.staff_access import Invitation
from creditapp.web.addresses import sends_links
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

_EXPIRED = "The page had expired; press the button again."


@bp.route("/invitations/new", methods=["GET", "POST"])
@requires(Permission.STAFF_WRITE)
@dangerous
def invite() -> ResponseReturnValue:
    """Invite somebody; where no mail is sent, show the link once, here and nowhere else."""
    form, status = InviteForm(), 200
    if form.validate_on_submit():
        try:
            return _made(form.invited, form.submission.key)
        except DomainError as error:
            status = place(form, error)
    return _page(form, status)


@bp.post("/invitations/again")
@requires(Permission.STAFF_WRITE)
@dangerous
def invite_again() -> ResponseReturnValue:
    """Make another link for who was invited; the one before ends."""
    form = InvitationForm()
    if not form.validate_on_submit():
        return _to_list("Nothing was sent.", _EXPIRED)
    found = queries.find_invited(db.session(), str(form.email.data or ""))
    if found is None:
        return _to_list("Nothing was sent.", "This invitation has been used or withdrawn meanwhile.")
    try:
        return _made(Invitation(found.email, found.name, found.role), form.submission.key)
    except DomainError as error:
        return _to_list("Nothing was sent.", error.sentence(str))


@bp.post("/invitations/withdraw")
@requires(Permission.STAFF_WRITE)
def withdraw() -> ResponseReturnValue:
    form = InvitationForm()
    if not form.validate_on_submit():
        return _to_list("Nothing was changed.", _EXPIRED)
    try:
        was_there = transact(staff_access.withdraw, str(form.email.data or ""), by=current_actor())
    except DomainError as error:
        return _to_list("Nothing was changed.", error.sentence(str))
    if not was_there:
        return _to_list("Nothing was changed.", "This invitation has been used or withdrawn meanwhile.")
    notify("Invitation withdrawn.", "Its link opens nothing any more.")
    return redirect(url_for("staff.index"), 303)


def _made(invited: Invitation, key: str) -> ResponseReturnValue:
    token = transact(staff_access.invite, invited, link=invitation_link, by=current_actor(), key=key)
    if token is not None and not sends_links():
        link = invitation_link(token) or url_for("auth.invitation", token=token)
        return _page(None, 200, invited=invited, link=link)
    notify(
        f"{invited.name} is invited." if token else "This invitation was made before.",
        "The link is on its way by mail, and works for seven days." if token else "Send it again for another link.",
    )
    return redirect(url_for("staff.index"), 303)


def _page(
    form: InviteForm | None, status: int, *, invited: Invitation | None = None, link: str = ""
) -> ResponseReturnValue:
    crumbs = [("Admin", None), ("Staff", url_for("staff.index")), ("Invite", None)]
    return render_page(
        "staff/invite.html",
        form,
        status=status,
        crumbs=crumbs,
        invited=invited,
        link=link,
        is_mailed=sends_links(),
    )


def _to_list(lead: str, text: str) -> ResponseReturnValue:
    notify(lead, text, kind="warning")
    return redirect(url_for("staff.index"), 303)
