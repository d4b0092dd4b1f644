"""A customer's subscriptions: adding one, editing it, and cancelling it."""

from __future__ import annotations

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.subscription_forms import CancelForm, NewSubscriptionForm, SubscriptionForm
from creditapp.db import db, transact
from creditapp.errors import DomainError, StaleFormError, SubscriptionCancelledError
from creditapp.models import Cycle
from creditapp.permissions import Permission, requires
from creditapp.queries import products
from creditapp.queries import subscriptions as queries
from creditapp.queries.customers import Profile
from creditapp.queries.subscriptions import SubscriptionFacts
from creditapp.services import customers, numbers, subscriptions
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/users/<id:customer_id>/subscriptions/new", methods=["GET", "POST"])
@requires(Permission.SUBSCRIPTION_WRITE)
def new_subscription(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id) if request.method == "POST" else _open_customer(customer_id)
    choices = products.recurring(db.session())
    form = NewSubscriptionForm(choices)
    status = 200
    if form.validate_on_submit():
        number = transact(numbers.reserve, "subscriptions")
        try:
            transact(
                subscriptions.create,
                customer_id,
                form.new,
                number=number,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Subscription added.", form.label.text)
            return redirect(_section(customer_id), 303)
    return render_page(
        "users/subscription.html",
        form,
        status=status,
        crumbs=_crumbs(customer, "New subscription"),
        customer=customer,
        subscription=None,
        has_products=bool(choices),
        back_url=_section(customer_id),
    )


@bp.route("/admin/users/<id:customer_id>/subscriptions/<id:subscription_id>", methods=["GET", "POST"])
@requires(Permission.SUBSCRIPTION_WRITE)
def edit_subscription(customer_id: int, subscription_id: int) -> ResponseReturnValue:
    subscription = _subscription_or_404(customer_id, subscription_id)
    customer = _open_customer(customer_id)
    if subscription.is_cancelled:
        raise SubscriptionCancelledError(subscription_id)
    form = SubscriptionForm(subscription)
    status = 200
    if form.validate_on_submit():
        try:
            transact(
                subscriptions.edit,
                customer_id,
                subscription_id,
                form.fields,
                version=form.version.number,
                by=current_actor(),
            )
        except DomainError as error:
            status = place(form, error)
            if isinstance(error, StaleFormError):
                form.compare(_subscription_or_404(customer_id, subscription_id))
        else:
            notify("Subscription saved.", form.label.text)
            return redirect(_section(customer_id), 303)
    return render_page(
        "users/subscription.html",
        form,
        status=status,
        crumbs=_crumbs(customer, f"Subscription #{subscription_id}"),
        customer=customer,
        subscription=subscription,
        cycle_of=Cycle,
        back_url=_section(customer_id),
    )


@bp.route("/admin/users/<id:customer_id>/subscriptions/<id:subscription_id>/cancellation", methods=["GET", "POST"])
@requires(Permission.SUBSCRIPTION_WRITE)
def cancel_subscription(customer_id: int, subscription_id: int) -> ResponseReturnValue:
    subscription = _subscription_or_404(customer_id, subscription_id)
    customer = profile_or_404(customer_id)
    form = CancelForm(data={"version": subscription.version})
    status = 200
    if form.validate_on_submit():
        try:
            transact(
                subscriptions.cancel, customer_id, subscription_id, version=form.version.number, by=current_actor()
            )
        except DomainError as error:
            status = place(form, error)
            subscription = _subscription_or_404(customer_id, subscription_id)
            form.version.data = str(subscription.version)
        else:
            notify("Subscription cancelled.", subscription.label)
            return redirect(_section(customer_id), 303)
    return render_page(
        "users/cancel_subscription.html",
        form,
        status=status,
        crumbs=_crumbs(customer, f"Cancel subscription #{subscription_id}"),
        customer=customer,
        subscription=subscription,
        cycle_of=Cycle,
        back_url=_section(customer_id),
    )


def _open_customer(customer_id: int) -> Profile:
    customer = profile_or_404(customer_id)
    if customer.status not in customers.BY_HAND:
        raise customer.closed_error
    return customer


def _subscription_or_404(customer_id: int, subscription_id: int) -> SubscriptionFacts:
    return queries.find(db.session(), customer_id, subscription_id) or abort(404)


def _section(customer_id: int) -> str:
    return url_for("users.show", customer_id=customer_id, _anchor="subscriptions")


def _crumbs(customer: Profile, here: str) -> list[tuple[str, str | None]]:
    user_url = url_for("users.show", customer_id=customer.id)
    return [("Admin", None), ("Users", url_for("users.index")), (customer.name, user_url), (here, None)]
