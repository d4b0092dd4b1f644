"""Ordering a product: credit is ticked, and its amount can be chosen."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import own_profile
from creditapp.blueprints.account.forms import OrderForm
from creditapp.db import db, transact
from creditapp.errors import ApplyExceedsError, DomainError
from creditapp.models import Cycle
from creditapp.permissions import customer_only
from creditapp.queries import account, lots, orders
from creditapp.queries.account import Sold
from creditapp.queries.orders import Quote
from creditapp.services import checkout, numbers
from creditapp.services.checkout import OrderLine, Placed
from creditapp.web.clients import current_client
from creditapp.web.codes import brings_words
from creditapp.web.fields import refuse
from creditapp.web.filters import money
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import INVALID, place
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import by_person, limiter

PLACE = "place"
TRIES = "60 per minute; 600 per hour"
"""Room for who types and looks at the summary, and none for who guesses codes."""
COLUMNS = (Column("Product"), Column("Charged"), Column("Price", numeric=True), Column(""))


@bp.route("/order")
@customer_only
def products() -> ResponseReturnValue:
    return render_page(
        "account/products.html", products=account.products(db.session()), columns=COLUMNS, cycle_of=Cycle
    )


@bp.route("/order/<id:product_id>", methods=["GET", "POST"])
@customer_only
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def order(product_id: int) -> ResponseReturnValue:
    product = account.find_product(db.session(), product_id)
    if product is None:
        abort(404)
    form = OrderForm()
    form.tick_credit(is_usable=_can_use())
    if request.method == "POST" and not form.validate():
        return _page(product, form, quote=None)
    if request.form.get("act") != PLACE:
        return _page(product, form, quote=_quote(product, form))
    try:
        placed = transact(
            checkout.place,
            current_client().id,
            transact(numbers.reserve, "invoices"),
            [_line(product, form)],
            first_subscription_id=transact(numbers.reserve, "subscriptions"),
            use_credit=form.use_credit.data,
            credit_minor=form.credit_minor,
            code=form.code.text,
            by=current_actor(),
            key=form.submission.key,
        )
    except DomainError as error:
        return _page(product, form, quote=None, status=_refuse(form, error))
    return _go_on(placed)


def _go_on(placed: Placed) -> ResponseReturnValue:
    """Show the invoice, or the page where the rest of it is paid."""
    used = f"{money(placed.credit_minor)} of your credit was used." if placed.credit_minor else ""
    if placed.replayed:
        notify("This order had been placed already; nothing was ordered twice.", kind="info")
    else:
        notify("Thank you for your order.", " ".join(filter(None, (_brings(placed), used))))
    if placed.status == "unpaid":
        return redirect(url_for("account.pay", invoice_id=placed.invoice_id, credit="no"), 303)
    return redirect(url_for("account.invoice", invoice_id=placed.invoice_id), 303)


def _brings(placed: Placed) -> str:
    return brings_words(placed.brings) if placed.brings else ""


def _line(product: Sold, form: OrderForm) -> OrderLine:
    return OrderLine(product_id=product.id, quantity=form.quantity.number or 1, label=form.label.text)


def _quote(product: Sold, form: OrderForm) -> Quote | None:
    """Return what the order would come to; None where it comes to nothing, and the form says why."""
    try:
        return orders.quote(
            db.session(),
            current_client().id,
            [_line(product, form)],
            use_credit=form.use_credit.data,
            credit_minor=form.credit_minor,
            code=form.code.text,
            today=current_panel().today(),
            moment=datetime.now(UTC),
        )
    except DomainError as error:
        _refuse(form, error)
        return None


def _refuse(form: OrderForm, error: DomainError) -> int:
    if isinstance(error, ApplyExceedsError):
        refuse(form.credit, error)
        return INVALID
    return place(form, error)


def _usable_minor() -> int:
    return lots.usable(db.session(), current_client().id, datetime.now(UTC)).usable_minor


def _can_use() -> bool:
    """Return whether credit can be used at all: without any, the code of an order may bring some."""
    return current_panel().credits_enabled and own_profile().frozen_at is None


def _page(product: Sold, form: OrderForm, *, quote: Quote | None, status: int = 200) -> ResponseReturnValue:
    return render_page(
        "account/order.html",
        form,
        status=status,
        product=product,
        cycle=Cycle(product.cycle).label.lower(),
        usable_minor=_usable_minor(),
        can_use=_can_use(),
        quote=quote,
        brings=brings_words(quote.brings) if quote and quote.brings else "",
    )
