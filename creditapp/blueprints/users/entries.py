"""One entry, and taking it back: reversal, void, deletion. Each is a small page that asks, and a button that does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import last_day, limit_words
from creditapp.blueprints.users.finding import entry_or_404, profile_or_404
from creditapp.blueprints.users.forms import ReverseForm, TakeBackForm
from creditapp.blueprints.users.undoing import undoable, words_of_undoing
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, requires
from creditapp.queries import authority, entries, lots
from creditapp.services import credits, ledger
from creditapp.web.filters import plain
from creditapp.web.lists import Column
from creditapp.web.notices import announce
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

UNDOING_COLUMNS = (Column("When"), Column("What"), Column("Amount", numeric=True), Column("Entry"))
DRAW_COLUMNS = (Column("When"), Column("What"), Column("Class"), Column("Amount", numeric=True), Column("Entry"))
DRAWS_MAX = 200
"""So many uses of one lot are listed; the history has them all."""


@bp.route("/admin/users/<id:customer_id>/credit/<id:seq>")
@requires(Permission.CREDIT_READ)
def entry(customer_id: int, seq: int) -> ResponseReturnValue:
    session, customer, found = db.session(), profile_or_404(customer_id), entry_or_404(customer_id, seq)
    undoings = entries.undoings(session, customer_id, seq)
    return render_page(
        "users/entry.html",
        crumbs=_crumbs(customer_id, customer.name, seq),
        customer=customer,
        entry=found,
        reference=ledger.reference,
        undo=undoable(found, authority.of_role(session, current_user.role)),
        undone=words_of_undoing(found),
        undoings=undoings,
        undoing_columns=UNDOING_COLUMNS,
        draws=_draws(customer_id, seq, {one.seq for one in undoings}),
        draw_columns=DRAW_COLUMNS,
        last_day=last_day(found.lot_expires_at) if found.lot_expires_at else None,
        is_expired=found.lot_expires_at is not None and found.lot_expires_at <= datetime.now(UTC),
    )


@bp.route("/admin/users/<id:customer_id>/credit/<id:seq>/reversal", methods=["GET", "POST"])
@requires(Permission.CREDIT_REVERSE)
def reverse(customer_id: int, seq: int) -> ResponseReturnValue:
    form = ReverseForm()
    status = 200
    if form.validate_on_submit():
        amount_minor = form.amount.minor or None
        try:
            made = transact(credits.reverse, customer_id, seq, amount_minor, **_act(form))
        except DomainError as error:
            status = place(form, error)
        else:
            return _done(made, seq, "reversed")
    return _ask("reverse", customer_id, seq, form, status)


@bp.route("/admin/users/<id:customer_id>/credit/<id:seq>/void", methods=["GET", "POST"])
@requires(Permission.CREDIT_REVERSE)
def void(customer_id: int, seq: int) -> ResponseReturnValue:
    form = TakeBackForm()
    status = 200
    if form.validate_on_submit():
        try:
            made = transact(credits.void, customer_id, seq, **_act(form))
        except DomainError as error:
            status = place(form, error)
        else:
            return _done(made, seq, "voided")
    return _ask("void", customer_id, seq, form, status)


@bp.route("/admin/users/<id:customer_id>/credit/<id:seq>/deletion", methods=["GET", "POST"])
@requires(Permission.CREDIT_REVERSE)
def delete(customer_id: int, seq: int) -> ResponseReturnValue:
    form = TakeBackForm()
    status = 200
    if form.validate_on_submit():
        try:
            made = transact(credits.delete, customer_id, seq, **_act(form))
        except DomainError as error:
            status = place(form, error)
        else:
            return _done(made, seq, "deleted")
    return _ask("delete", customer_id, seq, form, status)


@dataclass(frozen=True, slots=True)
class _Draw:
    """One line of where the money came from or went."""

    words: str
    seq: int
    amount_minor: int
    posted_at: datetime
    class_: str


def _draws(customer_id: int, seq: int, undoings: set[int]) -> list[_Draw]:
    """Say in words what this entry did to lots, and what others did to its own; `undoings` took it back."""
    session = db.session()
    said = []
    for one in lots.came_from(session, customer_id, seq):
        verb = "Taken from" if one.amount_minor > 0 else "Given back to"
        said.append(_Draw(f"{verb}: {one.description}", one.seq, abs(one.amount_minor), one.posted_at, one.class_))
    for one in lots.went_to(session, customer_id, seq, most=DRAWS_MAX):
        verb = "Taken back by" if one.seq in undoings else "Went to" if one.amount_minor > 0 else "Came back by"
        said.append(_Draw(f"{verb}: {one.description}", one.seq, abs(one.amount_minor), one.posted_at, one.class_))
    return said


def _act(form: TakeBackForm) -> dict[str, Any]:
    return {"note": form.note.text, "by": current_actor(), "key": form.submission.key}


def _done(made: ledger.Entry, seq: int, undone: str) -> ResponseReturnValue:
    undid = f"{ledger.reference(made.customer_id, seq)} {undone}"
    announce(made, profile_or_404(made.customer_id).name, undid=undid)
    return redirect(url_for("users.show", customer_id=made.customer_id))


def _ask(verb: str, customer_id: int, seq: int, form: TakeBackForm, status: int) -> ResponseReturnValue:
    """Render the page that says what would happen, and asks."""
    customer, found = profile_or_404(customer_id), entry_or_404(customer_id, seq)
    rules = authority.of_role(db.session(), current_user.role)
    undo = undoable(found, rules)
    if isinstance(form, ReverseForm) and not form.is_submitted() and not form.from_draft:
        form.amount.data = plain(undo.most_minor)
    return render_page(
        "users/undo.html",
        form,
        status=status,
        verb=verb,
        crumbs=_crumbs(customer_id, customer.name, seq, verb.capitalize()),
        customer=customer,
        entry=found,
        reference=ledger.reference(customer_id, seq),
        undo=undo,
        limit_words=limit_words(rules),
        change_minor=-undo.most_minor if found.amount_minor > 0 else undo.most_minor,
        entry_url=url_for("users.entry", customer_id=customer_id, seq=seq),
    )


def _crumbs(customer_id: int, name: str, seq: int, act: str = "") -> list[tuple[str, str | None]]:
    reference = ledger.reference(customer_id, seq)
    crumbs: list[tuple[str, str | None]] = [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (name, url_for("users.show", customer_id=customer_id)),
        (reference, url_for("users.entry", customer_id=customer_id, seq=seq)),
    ]
    return [*crumbs, (act, None)] if act else crumbs
