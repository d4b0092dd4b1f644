"""A new order for a customer: products and credit, a summary of what it comes to, and the invoice it becomes."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.orders import bp
from creditapp.blueprints.orders.forms import OrderForm
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import db, transact
from creditapp.errors import ApplyExceedsError, DomainError, ProductError
from creditapp.permissions import Permission, requires
from creditapp.queries import lots, orders
from creditapp.queries.customers import Profile
from creditapp.queries.orders import Quote
from creditapp.services import checkout, customers, numbers
from creditapp.services.checkout import Placed
from creditapp.web.arrived import bring_referral
from creditapp.web.codes import brings_words
from creditapp.web.fields import refuse
from creditapp.web.filters import money
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

PLACE = "place"


@bp.route("/admin/users/<id:customer_id>/orders/new", methods=["GET", "POST"])
@requires(Permission.ORDER_WRITE)
def create(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    if request.form.get("act") != PLACE and customer.status not in customers.BY_HAND:
        raise customer.closed_error
    form = OrderForm()
    form.tick_credit(is_usable=_can_use(customer, _usable_minor(customer)))
    if request.method == "GET" or not form.validate():
        return _form(form, customer)
    if request.form.get("act") != PLACE:
        return _form(form, customer, is_valid=True)
    try:
        placed = transact(
            checkout.place,
            customer_id,
            transact(numbers.reserve, "invoices"),
            form.lines,
            first_subscription_id=transact(numbers.reserve, "subscriptions", len(form.lines)),
            use_credit=form.use_credit.data,
            credit_minor=form.credit_minor,
            code=form.code.text,
            by=current_actor(),
            key=form.submission.key,
        )
    except DomainError as error:
        return _form(form, customer, status=_refuse(form, error))
    _announce(placed)
    bring_referral(customer_id)
    return redirect(url_for("invoices.show", invoice_id=placed.invoice_id))


def _refuse(form: OrderForm, error: DomainError) -> int:
    if isinstance(error, ApplyExceedsError):
        refuse(form.credit, error)
        return 422
    if isinstance(error, ProductError):
        refuse(next(row.product for row in form.all_rows if not row.is_blank), error)
        return 422
    return place(form, error)


def _announce(placed: Placed) -> None:
    """Say on the invoice's page what the order came to."""
    if placed.replayed:
        notify("This order had been placed already; nothing was ordered twice.", kind="info")
        return
    split = (
        f"Total {money(placed.total_minor)}: credit {money(placed.credit_minor)}, to pay {money(placed.to_pay_minor)}."
    )
    if placed.why_not:
        split = f"{split} No credit was used: {placed.why_not}"
    if placed.brings is not None:
        split = f"{split} {brings_words(placed.brings)}"
    notify("Order placed.", split)


def _form(form: OrderForm, customer: Profile, *, status: int = 200, is_valid: bool = False) -> ResponseReturnValue:
    usable_minor = _usable_minor(customer)
    quote = _quote(form, customer) if is_valid else None
    return render_page(
        "orders/new.html",
        form,
        status=status,
        crumbs=[
            ("Admin", None),
            ("Users", url_for("users.index")),
            (customer.name, url_for("users.show", customer_id=customer.id)),
            ("New order", None),
        ],
        customer=customer,
        usable_minor=usable_minor,
        can_use=_can_use(customer, usable_minor),
        quote=quote,
        brings=brings_words(quote.brings) if quote and quote.brings else "",
        more_rows=len(form.rows) < checkout.LINES_MAX,
    )


def _usable_minor(customer: Profile) -> int:
    return lots.usable(db.session(), customer.id, datetime.now(UTC)).usable_minor


def _can_use(customer: Profile, usable_minor: int) -> bool:
    return current_panel().credits_enabled and usable_minor > 0 and customer.frozen_at is None


def _quote(form: OrderForm, customer: Profile) -> Quote | None:
    """Return what the order would come to; None where it comes to nothing, and the form says why."""
    try:
        return orders.quote(
            db.session(),
            customer.id,
            form.lines,
            use_credit=form.use_credit.data,
            credit_minor=form.credit_minor,
            code=form.code.text,
            today=current_panel().today(),
            moment=datetime.now(UTC),
        )
    except DomainError as error:
        _refuse(form, error)
        return None
