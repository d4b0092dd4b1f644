"""The hosted page of the sandbox: a card is charged, declined, charged twice or too much, at the press of a button."""

from __future__ import annotations

import re

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.sandbox import bp
from creditapp.db import transact
from creditapp.gateways import GatewayError, sandbox
from creditapp.gateways.sandbox import Act, PageState
from creditapp.money import currency
from creditapp.permissions import public
from creditapp.web.forms import BareForm
from creditapp.web.gateways import gateways
from creditapp.web.pages import render_page

_REF = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
"""Whatever else stands in the URL was not made here, and PostgreSQL would choke on some of it."""
WAYS = (
    (Act.PAY, "Pay", "The card is charged."),
    (Act.DECLINE, "Decline", "The bank says no. Nothing is charged."),
    (Act.LATER, "Pay later", "The money is certain after a minute."),
    (Act.TWICE, "Pay twice", "The card is charged two times."),
    (Act.TOO_MUCH, "Pay too much", "The card is charged with more than was asked for."),
)


@bp.route("/sandbox/pay/<ref>", methods=["GET", "POST"])
@public
def pay(ref: str) -> ResponseReturnValue:
    if not _REF.fullmatch(ref) or gateways()["sandbox"].problem:
        abort(404)
    page = sandbox.find(ref)
    if page is None:
        abort(404)
    form = BareForm()
    chosen = request.form.get("act", "")
    if form.validate_on_submit() and chosen in set(Act):
        try:
            return_url = transact(sandbox.act, ref, Act(chosen))
        except GatewayError:
            abort(404)
        sandbox.deliver(current_app.config["SANDBOX_KEY"])
        quarrels = chosen in {Act.DISPUTE, Act.WIN, Act.LOSE}
        return redirect(url_for("sandbox.pay", ref=ref) if quarrels else return_url, 303)
    charges = sandbox.charges_of(ref)
    return render_page(
        "sandbox/pay.html",
        form,
        page=page,
        charges=charges,
        newest=charges[-1].status if charges else "",
        ways=WAYS if page.status == PageState.OPEN else (),
        written=currency(page.currency).format,
        Act=Act,
    )
