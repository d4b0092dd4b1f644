"""Moving credit to another customer, and taking such a move back: each says first what becomes of both balances."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import limit_words
from creditapp.blueprints.users.finding import entry_or_404, profile_or_404
from creditapp.blueprints.users.forms import BY_HAND, CUSTOMER_LINE_CHARS_MAX, TakeBackForm
from creditapp.db import db, transact
from creditapp.errors import CustomerClosedError, DomainError, InsufficientCreditError, NotReversibleError
from creditapp.models import Direction
from creditapp.permissions import Permission, requires
from creditapp.queries import authority, lots, reasons
from creditapp.queries.customers import Profile
from creditapp.services import credits
from creditapp.services.credits import Transferred
from creditapp.services.credits.returning import HALVES
from creditapp.services.ledger import reference
from creditapp.web.arrived import use_at_once
from creditapp.web.choosing import ask_for_customer, chosen_customer
from creditapp.web.fields import AmountField, LineField, NoteField, SubmissionField
from creditapp.web.filters import money, visible
from creditapp.web.forms import Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

UPDATE = "update"
_LEAD = "It goes from the balance of {} to that of the user you choose, and stays of the same class and expiry."


class ReasonChoiceField(SelectField):
    """A reason from the list, whatever direction it is for; `reason_id` is it, 0 for what is on no list."""

    def __init__(self, label: str = "Reason", **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, validate_choice=False, **kw)
        known = reasons.active(db.session())
        self.choices = [SelectChoice(str(one.id), one.name) for one in known]
        usual = next((one for one in known if one.direction == Direction.BOTH), known[0] if known else None)
        self.default = str(usual.id) if usual else ""

    @property
    def reason_id(self) -> int:
        known = {str(choice[0]) for choice in map(tuple, self.choices or [])}
        return int(self.data) if self.data in known else 0


class TransferForm(Form):
    """How much goes to the other customer, and why."""

    amount = AmountField("Amount")
    reason = ReasonChoiceField()
    note = NoteField("Note")
    customer_note = LineField("Customers’ line", chars_max=CUSTOMER_LINE_CHARS_MAX)
    submission = SubmissionField()


@bp.route("/admin/users/<id:customer_id>/credit/transfer", methods=["GET", "POST"])
@requires(Permission.CREDIT_TRANSFER)
def transfer(customer_id: int) -> ResponseReturnValue:
    customer, other = _giver(customer_id), chosen_customer()
    if other is None or other.id == customer_id:
        return _ask_whom(customer, is_same=other is not None)
    form, status = TransferForm(), 200
    if form.validate_on_submit() and request.form.get("act") != UPDATE:
        try:
            done = transact(
                credits.transfer,
                customer_id,
                other.id,
                form.amount.minor,
                reason_id=form.reason.reason_id,
                note=form.note.text,
                customer_note=form.customer_note.text,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            status = _refuse(form, error)
            customer, other = profile_or_404(customer_id), profile_or_404(other.id)
        else:
            _announce(done, customer, other)
            return redirect(url_for("users.show", customer_id=customer_id), 303)
    return _page(customer, other, form, status)


@bp.route("/admin/users/<id:customer_id>/credit/<id:seq>/transfer-reversal", methods=["GET", "POST"])
@requires(Permission.CREDIT_TRANSFER)
def take_transfer_back(customer_id: int, seq: int) -> ResponseReturnValue:
    customer, found = profile_or_404(customer_id), entry_or_404(customer_id, seq)
    if found.kind not in HALVES or found.other_customer_id is None:
        raise NotReversibleError(reference=reference(customer_id, seq), problem="it is no transfer.")
    form, status = TakeBackForm(), 200
    if form.validate_on_submit():
        try:
            transact(
                credits.take_back,
                customer_id,
                seq,
                note=form.note.text,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Transfer taken back.", "Both balances are as if it had never been.")
            return redirect(url_for("users.show", customer_id=customer_id), 303)
    entry_url = url_for("users.entry", customer_id=customer_id, seq=seq)
    return render_page(
        "users/take_transfer_back.html",
        form,
        status=status,
        crumbs=[*_crumbs(customer)[:-1], (reference(customer_id, seq), entry_url), ("Take back", None)],
        customer=customer,
        other=profile_or_404(found.other_customer_id),
        entry=found,
        reference=reference(customer_id, seq),
        back_url=entry_url,
    )


def _giver(customer_id: int) -> Profile:
    customer = profile_or_404(customer_id)
    if customer.status not in BY_HAND:
        raise CustomerClosedError(customer_id)
    return customer


def _ask_whom(customer: Profile, *, is_same: bool) -> ResponseReturnValue:
    same = f"#{customer.id} is this user. " if is_same else ""
    return ask_for_customer(
        "Transfer credit",
        same + _LEAD.format(visible(customer.name)),
        path=url_for("users.transfer", customer_id=customer.id),
        crumbs=_crumbs(customer),
    )


def _refuse(form: TransferForm, error: DomainError) -> int:
    """Put the sentence beside its box; of credit that is not there, say what can be moved."""
    if isinstance(error, InsufficientCreditError):
        most = money(error.available_minor)
        form.amount.errors = [*form.amount.errors, f"{most} can be used: at most that can be moved."]
        return 422
    return place(form, error)


def _announce(done: Transferred, customer: Profile, other: Profile) -> None:
    link = (done.given.reference, url_for("users.entry", customer_id=customer.id, seq=done.given.seq))
    if done.replayed or done.taken is None:
        notify("This transfer had been made already.", "Nothing was moved twice.", kind="info", links=[link])
        return
    balances = [
        f"{visible(who.name)} now has {money(entry.balance_after_minor)}"
        for who, entry in ((customer, done.given), (other, done.taken))
    ]
    lead = f"{money(done.amount_minor)} moved to #{other.id}."
    notify(lead, f"{balances[0]}, {balances[1]}.", links=[link])
    use_at_once(other.id)


def _page(customer: Profile, other: Profile, form: TransferForm, status: int) -> ResponseReturnValue:
    session = db.session()
    minor = form.amount.minor if form.is_submitted() and not form.amount.errors else 0
    return render_page(
        "users/transfer.html",
        form,
        status=status,
        crumbs=_crumbs(customer),
        customer=customer,
        other=other,
        usable=lots.usable(session, customer.id, datetime.now(UTC)),
        obstacle=_obstacle(customer) or _obstacle(other),
        moved_minor=minor,
        limit_words=limit_words(authority.of_role(session, current_user.role)),
        path=url_for("users.transfer", customer_id=customer.id),
        back_url=url_for("users.show", customer_id=customer.id),
    )


def _obstacle(who: Profile) -> str:
    """Say why nothing can be moved from or to this customer; empty: it can."""
    if who.status not in BY_HAND:
        return f"#{who.id} is {who.status}: nothing is moved from or to there."
    return f"The balance of #{who.id} is frozen: release it first." if who.frozen_at else ""


def _crumbs(customer: Profile) -> list[tuple[str, str | None]]:
    return [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (customer.name, url_for("users.show", customer_id=customer.id)),
        ("Transfer credit", None),
    ]
