"""Recording a payment: whose it is, what came in, a page that says what will happen, and then it happens."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.payments import bp
from creditapp.blueprints.payments.forms import PaymentForm
from creditapp.blueprints.payments.words import done_words, plan_words
from creditapp.db import db, transact
from creditapp.errors import (
    DomainError,
    InvoiceNotFoundError,
    InvoiceStateError,
    PaymentMovedError,
)
from creditapp.models import InvoiceStatus
from creditapp.permissions import Permission, requires
from creditapp.queries import invoice as invoices
from creditapp.queries import payments as queries
from creditapp.queries.customers import Profile
from creditapp.services import arrivals, customers, numbers, payments, receipts
from creditapp.services.payments import Plan, Recorded
from creditapp.web import urls
from creditapp.web.arrived import bring_referral, use_at_once
from creditapp.web.choosing import ask_for_customer, chosen_customer
from creditapp.web.fields import refuse
from creditapp.web.filters import money, plain
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

RECORD, EDIT = "record", "edit"
OPEN_COLUMNS = (Column("Invoice"), Column("Due on"), Column("Due", numeric=True), Column(""))


@bp.route("/admin/billing/payments/new", methods=["GET", "POST"])
@requires(Permission.PAYMENT_WRITE)
def create() -> ResponseReturnValue:
    customer = _customer()
    if customer is None:
        return _choose()
    if request.form.get("act") != RECORD and customer.status not in customers.BY_HAND:
        raise customer.closed_error
    form = PaymentForm(data=_prefilled(customer))
    if request.method == "GET" or not form.validate() or request.form.get("act") == EDIT:
        return _form(form, customer)
    if request.form.get("act") == RECORD:
        return _record(form, customer)
    return _confirm(form, customer)


def _record(form: PaymentForm, customer: Profile) -> ResponseReturnValue:
    try:
        recorded = transact(
            receipts.record_as_shown,
            customer.id,
            transact(numbers.reserve, "payments"),
            form.amount.minor,
            shown=form.shown.data or "",
            invoice_ids=form.invoices.ids,
            method=form.method.data,
            received_on=form.received_on.day,
            transaction_ref=form.transaction_ref.text,
            note=form.note.text,
            by=current_actor(),
            key=form.submission.key,
        )
    except PaymentMovedError as error:
        return _confirm(form, customer, moved=error)
    except (InvoiceNotFoundError, InvoiceStateError) as error:
        refuse(form.invoices, error)
        return _form(form, customer)
    except DomainError as error:
        return _form(form, customer, status=place(form, error))
    _announce(recorded)
    bring_referral(customer.id)
    use_at_once(customer.id)
    return redirect(url_for("payments.show", payment_id=recorded.payment_id))


def _announce(recorded: Recorded) -> None:
    if recorded.replayed:
        notify(f"Payment #{recorded.payment_id} had been recorded already; nothing was recorded twice.", kind="info")
    else:
        notify(f"Payment #{recorded.payment_id} recorded.", done_words(recorded))


def _form(form: PaymentForm, customer: Profile, *, status: int = 200) -> ResponseReturnValue:
    return render_page(
        "payments/new.html",
        form,
        status=status,
        crumbs=_crumbs(customer),
        customer=customer,
        open_columns=OPEN_COLUMNS,
        open_invoices=queries.open_of(db.session(), customer.id),
        back_url=url_for("users.show", customer_id=customer.id),
    )


def _confirm(form: PaymentForm, customer: Profile, *, moved: PaymentMovedError | None = None) -> ResponseReturnValue:
    """Say what will happen, and ask; what is asked for is carried along unseen."""
    session, ids = db.session(), form.invoices.ids
    try:
        plan = payments.preview(session, customer.id, form.amount.minor, ids)
    except (InvoiceNotFoundError, InvoiceStateError) as error:
        refuse(form.invoices, error)
        return _form(form, customer)
    form.shown.data = receipts.fingerprint(plan)
    return render_page(
        "payments/confirm.html",
        form,
        status=409 if moved else 200,
        crumbs=_crumbs(customer),
        customer=customer,
        moved=moved.sentence(money) if moved else "",
        words=plan_words(plan, queries.named(session, customer.id, ids)),
        same=queries.same_reference(session, form.transaction_ref.text),
        goes_on=_goes_on(customer, plan),
        method=payments.METHODS[form.method.data],
    )


def _goes_on(customer: Profile, plan: Plan) -> bool:
    """Return whether what becomes credit is then used on what else is due."""
    return bool(plan.credit_minor) and arrivals.is_wanted(db.session(), customer.id)


def _prefilled(customer: Profile) -> dict[str, Any]:
    """Return what the form begins with: the invoice of the URL, and what is due on it."""
    begins: dict[str, Any] = {"received_on": current_panel().today()}
    number = urls.number(request.args.get("invoice", ""))
    invoice = next(iter(queries.named(db.session(), customer.id, [number] if number else [])), None)
    if invoice is not None and invoice.status != InvoiceStatus.DRAFT:
        begins["invoices"] = f"#{invoice.id}"
        if invoice.status == InvoiceStatus.UNPAID:
            begins["amount"] = plain(invoice.due_minor)
    return begins


def _customer() -> Profile | None:
    """Return whose payment it is, by the customer of the URL or that of its invoice; None when neither is named."""
    invoice_id = urls.number(request.args.get("invoice", ""))
    invoice = invoices.find(db.session(), invoice_id) if invoice_id else None
    return chosen_customer(invoice.customer_id if invoice else None)


def _choose() -> ResponseReturnValue:
    """Ask whose payment it is."""
    lead = "Whose payment is it? Open an invoice and record it there, or choose the user here."
    return ask_for_customer("Record payment", lead, path=url_for("payments.create"), crumbs=_crumbs())


def _crumbs(customer: Profile | None = None) -> list[tuple[str, str | None]]:
    crumbs: list[tuple[str, str | None]] = [
        ("Admin", None),
        ("Billing", None),
        ("Payments", url_for("payments.index")),
    ]
    if customer is not None:
        crumbs.append((customer.name, url_for("users.show", customer_id=customer.id)))
    return [*crumbs, ("Record payment", None)]
