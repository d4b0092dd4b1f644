"""Merge Client Accounts: the other one is searched for, both are shown side by side, and one profile is kept."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import last_day
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import BY_HAND
from creditapp.db import db, transact
from creditapp.errors import DomainError, MergedError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import merging as queries
from creditapp.queries.customers import Profile
from creditapp.queries.merging import Side
from creditapp.services import merging
from creditapp.services.merging import Merged, Seen
from creditapp.web.choosing import ask_for_customer, chosen_customer
from creditapp.web.fields import PassedField, SubmissionField
from creditapp.web.filters import money, visible
from creditapp.web.forms import Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

TITLE = "Merge Client Accounts"
_LEAD = "Which other account belongs to {}, too? Everything is shown before anything happens."


class SeenField(PassedField):
    """How the page showed a customer, `version:balance`; `seen` is it, or None for nonsense."""

    @property
    def seen(self) -> Seen | None:
        version, colon, minor = str(self.data or "").partition(":")
        numbers = [word for word in (version, minor) if word.isascii() and word.isdigit() and len(word) <= 15]  # noqa: PLR2004
        return Seen(*map(int, numbers)) if colon and len(numbers) == 2 else None  # noqa: PLR2004

    def show(self, profile: Profile) -> None:
        """Pass on how the customer is shown now."""
        self.data = f"{profile.version}:{profile.balance_minor}"


class MergeForm(Form):
    """Which of the two profiles is kept. Nothing is chosen beforehand: whoever merges has to."""

    keep = RadioField("Which profile is kept?", validate_choice=False)
    seen_this = SeenField()
    seen_other = SeenField()
    submission = SubmissionField()

    def __init__(self, customer: Profile, other: Profile) -> None:
        super().__init__()
        self._ids = {str(customer.id), str(other.id)}
        self.keep.choices = [
            SelectChoice(str(one.id), f"Keep #{one.id}, {visible(one.name)} ({visible(one.email)})")
            for one in (customer, other)
        ]
        if not self.is_submitted():
            self.show(customer, other)

    def show(self, customer: Profile, other: Profile) -> None:
        """Pass on how both are shown now."""
        self.seen_this.show(customer)
        self.seen_other.show(other)

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether one of the two was chosen, and the page can tell what it showed."""
        valid = super().validate(extra_validators)
        if self.keep.data not in self._ids:
            self.keep.errors = [*self.keep.errors, "Choose which of the two profiles is kept."]
        if self.seen_this.seen is None or self.seen_other.seen is None:
            self.form_errors = [*self.form_errors, "This form has lost what it showed. Look at both again."]
        return valid and not self.problems


@bp.route("/admin/users/<id:customer_id>/merge", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_MERGE)
@dangerous
def merge(customer_id: int) -> ResponseReturnValue:
    customer, other = _open(profile_or_404(customer_id)), chosen_customer()
    obstacle = _obstacle(customer, other)
    if other is None or obstacle:
        return _ask_whom(customer, obstacle)
    form, status = MergeForm(customer, other), 200
    if form.validate_on_submit():
        kept, left = (customer, other) if form.keep.data == str(customer.id) else (other, customer)
        try:
            done = transact(
                merging.merge,
                left.id,
                into=kept.id,
                seen=_seen(form, customer, other),
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            status = place(form, error)
            customer, other = profile_or_404(customer_id), profile_or_404(other.id)
            form.show(customer, other)
        else:
            _announce(done, left)
            return redirect(url_for("users.show", customer_id=kept.id), 303)
    return _compare(customer, other, form, status)


def _open(customer: Profile) -> Profile:
    """Return the customer, if anything can be done with them.

    Raises:
        CustomerClosedError, MergedError: nothing can.
    """
    if customer.status not in BY_HAND and not _was_sent_again():
        raise customer.closed_error
    return customer


def _was_sent_again() -> bool:
    """Return whether a form is sent: one that was sent before has its answer, whoever was merged by it."""
    return request.method == "POST"


def _obstacle(customer: Profile, other: Profile | None) -> str:
    """Say why the other one cannot be chosen; empty where nobody was, or nothing is in the way."""
    if other is None or _was_sent_again():
        return ""
    if other.id == customer.id:
        return f"#{customer.id} is this user: choose another one."
    if isinstance(other.closed_error, MergedError):
        return f"User #{other.id} was merged into #{other.merged_into_id}: choose that one."
    return "" if other.status in BY_HAND else f"User #{other.id} is closed, and cannot be merged."


def _ask_whom(customer: Profile, obstacle: str) -> ResponseReturnValue:
    return ask_for_customer(
        TITLE,
        f"{obstacle} {_LEAD.format(visible(customer.name))}".strip(),
        path=url_for("users.merge", customer_id=customer.id),
        crumbs=_crumbs(customer),
    )


def _seen(form: MergeForm, customer: Profile, other: Profile) -> dict[int, Seen]:
    pairs = ((customer.id, form.seen_this.seen), (other.id, form.seen_other.seen))
    return {customer_id: seen for customer_id, seen in pairs if seen is not None}


def _announce(done: Merged, left: Profile) -> None:
    own_url = url_for("users.show", customer_id=left.id, merged=1)
    links = [(f"#{left.id} as it was", own_url)]
    if done.replayed:
        notify("These accounts had been merged already.", "Nothing was moved twice.", kind="info", links=links)
        return
    invoices = "1 open invoice" if done.invoices == 1 else f"{done.invoices} open invoices"
    subscriptions = "1 subscription" if done.subscriptions == 1 else f"{done.subscriptions} subscriptions"
    moved = f"{money(done.moved_minor)}, {invoices} and {subscriptions} moved here."
    notify(f"#{left.id} {visible(left.name)} was merged into this user.", moved, links=links)


def _compare(customer: Profile, other: Profile, form: MergeForm, status: int) -> ResponseReturnValue:
    session = db.session()
    sides: list[Side] = [queries.find_side(session, one) for one in (customer, other)]
    return render_page(
        "users/merge.html",
        form,
        status=status,
        crumbs=_crumbs(customer),
        title=TITLE,
        sides=sides,
        sum_minor=sum(side.profile.balance_minor for side in sides),
        frozen=[side.profile for side in sides if side.profile.frozen_at],
        log_ins=[side for side in sides if side.log_in],
        last_day=last_day,
        path=url_for("users.merge", customer_id=customer.id, customer=other.id),
        back_url=url_for("users.show", customer_id=customer.id),
        again_url=url_for("users.merge", customer_id=customer.id),
    )


def _crumbs(customer: Profile) -> list[tuple[str, str | None]]:
    user_url = url_for("users.show", customer_id=customer.id)
    return [("Admin", None), ("Users", url_for("users.index")), (customer.name, user_url), (TITLE, None)]
