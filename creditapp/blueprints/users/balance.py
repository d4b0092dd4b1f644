"""Setting a balance: the difference is posted as a correction."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import limit_words
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import SetBalanceForm
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, requires
from creditapp.queries import authority
from creditapp.services import credits
from creditapp.web.arrived import use_at_once
from creditapp.web.notices import announce
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/users/<id:customer_id>/credit/balance", methods=["GET", "POST"])
@requires(Permission.CREDIT_SET_BALANCE)
def set_balance(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    form = SetBalanceForm(data={"seen": customer.balance_minor})
    status = 200
    if form.validate_on_submit():
        try:
            entry = transact(
                credits.set_balance,
                customer_id,
                form.target.minor,
                seen_minor=form.seen_minor,
                reason_id=form.reason_id,
                note=form.note.text,
                customer_note=form.customer_note.text,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            customer, status = profile_or_404(customer_id), place(form, error)
            form.seen.data = str(customer.balance_minor)
        else:
            announce(entry, customer.name)
            if entry.amount_minor > 0:
                use_at_once(customer_id)
            return redirect(url_for("users.show", customer_id=customer_id))
    crumbs = [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (customer.name, url_for("users.show", customer_id=customer_id)),
        ("Set balance", None),
    ]
    words = limit_words(authority.of_role(db.session(), current_user.role))
    return render_page("users/balance.html", form, status=status, customer=customer, crumbs=crumbs, limit_words=words)
