"""Deleting a customer: nothing is left over, no number changes, and nobody can tell who it was."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from creditapp.db import db, transact
from creditapp.errors import (
    CreditLeftError,
    CustomerClosedError,
    DomainError,
    FormReusedError,
    InvoicesOpenError,
    MoneyUnderwayError,
    StaleFormError,
    TransferError,
)
from creditapp.jobs import batches as jobs
from creditapp.models import (
    AuditDetails,
    AuditRow,
    CreditAccount,
    CreditEntry,
    Customer,
    FormDraft,
    Invoice,
    InvoiceLine,
    LogIn,
    Subscription,
)
from creditapp.services import (
    adjustment_files,
    audit,
    batch_lines,
    client_access,
    credits,
    customer_life,
    customers,
    freezing,
    intents,
    merging,
    numbers,
    payments,
    refunds,
    subscriptions,
)
from creditapp.services.actor import customer as customer_actor
from creditapp.services.audit import Action
from creditapp.services.customer_life import Choices, Way
from creditapp.services.customers import CustomerFields
from creditapp.services.invoices import Line
from creditapp.services.subscriptions import NewSubscription
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_customer,
    make_incident,
    make_invoice,
    make_payment,
    make_preview,
    make_product,
    make_reason,
    make_subscription,
    new_key,
    reason_named,
)
from tests.services.customer_life.leaving import delete, holders, sums
from tests.services.refunds.counter import captured

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]

NAME, COMPANY, EMAIL, EXTERNAL = "Zöe Canarybird", "Canaryworks & Sons", "zoe@canarymail.example", "EXT-CANARY-77"
TYPED = "canarytyped"
"""Stands in every text that anybody has typed about the customer."""


def act(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"by": actor(), "key": new_key(), **more}


def live() -> tuple[int, int]:
    """Let a customer leave words wherever a form takes some, and return her with another one."""
    change_settings(mail_from="desk@panel.example", credit_refunds=True)
    fields = CustomerFields(name=NAME, company=COMPANY, email=EMAIL, external_id=EXTERNAL, joined_on=date(2024, 3, 1))
    zoe = transact(customers.create, fields, **act())
    double = make_customer(300, name=f"{NAME} again", email=f"second-{EMAIL}", company=f"{COMPANY} Ltd")
    other = make_customer(1000, name="Nadia Nguyen", email="nadia@customer.example")
    transact(
        customers.edit,
        zoe,
        CustomerFields(name=f"{NAME} ", email=EMAIL, external_id=EXTERNAL, joined_on=date(2024, 3, 1)),
        version=1,
        by=actor(),
    )
    transact(merging.merge, double, into=zoe, **act())
    token = transact(client_access.invite, zoe, link=lambda token: f"https://x.example/{token}", **act())
    assert token is not None
    transact(client_access.accept, token, "a hash", address="203.0.113.77")
    transact(client_access.ask_reset, EMAIL, link=lambda token: f"https://x.example/{token}", address="203.0.113.77")
    give(zoe, 2000, note=f"{TYPED} note", ticket_ref=f"{TYPED}-1")
    transact(credits.adjust, zoe, 500, reason_id=reason_named("Courtesy"), customer_note=f"{TYPED} line", **act())
    transact(credits.transfer, zoe, other, 100, reason_id=reason_named("Courtesy"), note=f"{TYPED} sisters", **act())
    subscription = _subscribe(zoe)
    _bill(zoe, subscription)
    transact(freezing.freeze, zoe, f"{TYPED} fraud?", by=actor())
    transact(freezing.release, zoe, by=actor())
    incident = make_incident(customer_ids=(zoe,), title="Outage", note=f"Only {NAME} was hit")
    preview = make_preview(incident)
    transact(batch_lines.change, preview, 1, 77, why=f"{TYPED} was up again", **act())
    transact(batch_lines.change, preview, 1, 78, why="A slip", **act())
    _upload(f"{EXTERNAL},5,Courtesy,{TYPED} in a file", f"{EXTERNAL},five,Courtesy,{TYPED} with a slip")
    transact(freezing.freeze, zoe, f"{TYPED} again", by=actor())
    by = customer_actor(zoe, "203.0.113.77")
    transact(audit.record, Action.SIGNED_IN, by, "customer", zoe, after={"email": EMAIL})
    transact(audit.record, Action.EXPORTED, actor(), "customers", None, after={"q": NAME.lower()})
    transact(_draft, other)
    return zoe, other


def _subscribe(zoe: int) -> int:
    product = make_product("Shared hosting")
    new = NewSubscription(
        label="canary-domain.example",
        location=f"{TYPED}-server",
        next_due_on=date(2026, 4, 1),
        started_on=date(2025, 4, 1),
        product_id=product,
    )
    return transact(subscriptions.create, zoe, new, number=transact(numbers.reserve, "subscriptions"), **act())


def _upload(*lines: str) -> None:
    """Have a file of adjustments read, and not post it."""
    source = io.BytesIO("\n".join(["external_id,amount,reason,note", *lines]).encode())
    shape = adjustment_files.check(source)
    batch_id = transact(adjustment_files.upload, source, shape, name=f"{NAME}.csv", again=False, **act())
    jobs.run_one(batch_id)


def _bill(zoe: int, subscription: int) -> None:
    product = select(Subscription.product_id).where(Subscription.id == subscription)
    renewal = Line(
        description="Shared hosting: canary-domain.example",
        unit_minor=1000,
        product_id=db.session.execute(product).scalar_one(),
        subscription_id=subscription,
        period_start=date(2026, 4, 1),
        period_end=date(2026, 5, 1),
    )
    typed = Line(description=f"Moving house for {NAME.upper()}, 3 h", unit_minor=500)
    invoice = make_invoice(zoe, lines=[renewal, typed], note=f"Thank you, {TYPED}")
    make_payment(zoe, 2500, invoice, transaction_ref=f"{TYPED} REF", note=f"{TYPED} on paper")


def _draft(session: Any, other: int) -> None:  # noqa: ANN401
    log_in = session.execute(select(LogIn.id).where(LogIn.kind == "staff").limit(1)).scalar_one()
    for number, (path, fields) in enumerate(
        ((f"/admin/users/{other}", [["note", "kept"]]), ("/admin/users/new", [["name", NAME]]))
    ):
        row = {"id": f"draft-{number}", "log_in_id": log_in, "path": path, "fields": fields}
        session.execute(insert(FormDraft).values(**row, created_at=datetime.now(UTC)))


def test_afterwards_no_number_has_changed_and_nobody_can_tell_who_it_was() -> None:
    zoe, other = live()
    assert holders(TYPED) >= {
        *("credit_entry_texts.note", "payments.note", "credit_accounts.frozen_reason", "batch_lines.note"),
        *("audit_details.details", "subscriptions.location", "invoices.note", "mails.text"),
    }
    before, balance_minor = sums(), balance_of(zoe)

    done = delete(zoe, goodwill=Way.TRANSFER, paid=Way.EXPIRE, to_id=other)

    assert holders(NAME, COMPANY, EMAIL, EXTERNAL, TYPED, "canary-domain", "203.0.113.77") == set()
    posted = {"credit_entries": 3, "audit_log": 1}
    after = sums()
    assert {name: after[name][0] - before[name][0] for name in before} == {name: posted.get(name, 0) for name in before}
    assert after["credit_entries"][1] - before["credit_entries"][1] == -1000  # what has lapsed
    assert {name: after[name][1] for name in ("payments", "invoices", "invoice_lines")} == {
        name: before[name][1] for name in ("payments", "invoices", "invoice_lines")
    }
    assert done.transferred_minor + done.expired_minor == balance_minor
    lines = select(InvoiceLine.description).where(InvoiceLine.customer_id == zoe).order_by(InvoiceLine.line)
    assert list(db.session.execute(lines).scalars()) == ["Shared hosting", "Moving house for …, 3 h"]
    c, a = Customer, CreditAccount
    person = db.session.execute(select(c.name, c.status, a.balance_minor, a.frozen_at).join(a).where(c.id == zoe)).one()
    assert tuple(person) == (f"Deleted user #{zoe}", "closed", 0, None)
    assert "kept" in str(db.session.execute(select(FormDraft.fields)).scalars().all())
    [told] = db.session.execute(
        select(AuditDetails.details)
        .join(AuditRow, AuditRow.seq == AuditDetails.seq)
        .where(AuditRow.action == "customer_deleted")
    ).scalars()
    assert told["after"]["log_ins"] == 1
    assert len(told["after"]["invoice_words"]) == 64


def test_each_class_goes_its_own_way_and_open_invoices_give_back_first() -> None:
    change_settings(credit_refunds=True)
    customer, heir = make_customer(), make_customer()
    payment = make_payment(customer, 3000)
    give(customer, 700)
    give(customer, 200, reason_id=make_reason(class_="promotional"))
    give(customer, 90, reason_id=make_reason(expires_after_days=1), at=datetime.now(UTC) - timedelta(days=9))
    paid_in_part = make_invoice(customer, 5000)
    transact(credits.apply, customer, paid_in_part, 400, by=actor(), key=new_key())
    make_payment(customer, 100, paid_in_part)
    draft = make_invoice(customer, 100, is_draft=True)
    subscription = make_subscription(customer)
    choice: dict[str, Any] = {"paid": Way.REFUND, "goodwill": Way.TRANSFER, "promotional": Way.EXPIRE, "to_id": heir}

    with pytest.raises(InvoicesOpenError, match=f"#{paid_in_part} is open"):
        delete(customer, **choice)
    with pytest.raises(CreditLeftError, match="promotional"):
        delete(customer, cancels=True, **choice | {"promotional": None})
    with pytest.raises(TransferError):
        delete(customer, cancels=True, **choice | {"to_id": customer})
    seen = customer_life.forecast(db.session(), customer, datetime.now(UTC))
    done = delete(customer, cancels=True, key="once", **choice)

    assert (seen.coming_minor, seen.lapsed_minor, seen.rest_minor) == (500, 90, 0)
    assert dict(seen.by_class) == {"paid": 3100, "goodwill": 700, "promotional": 200}
    assert sorted(one.amount_minor for one in done.refunds) == [100, 3000]
    assert payment in {one.payment_id for one in done.refunds}
    assert (done.transferred_minor, done.expired_minor) == (700, 290)
    assert (balance_of(customer), balance_of(heir)) == (0, 700)
    i, s = Invoice, Subscription
    assert set(db.session.execute(select(i.status).where(i.id.in_((paid_in_part, draft)))).scalars()) == {"cancelled"}
    assert db.session.execute(select(s.status).where(s.id == subscription)).scalar_one() == "cancelled"
    with pytest.raises(CustomerClosedError):
        give(customer, 1)


def test_who_has_gone_stays_gone_and_what_comes_back_is_settled_once_more() -> None:
    change_settings(credit_refunds=True)
    customer, heir = make_customer(), make_customer()
    captured(customer, 800)
    done = delete(customer, key="once", paid=Way.REFUND)

    again = delete(customer)
    transact(refunds.fail, customer, done.refunds[0].refund_id, "The card has expired")
    assert balance_of(customer) == 800
    last = delete(customer, paid=Way.TRANSFER, to_id=heir)

    assert again.replayed
    assert (last.transferred_minor, balance_of(customer), balance_of(heir)) == (800, 0, 800)
    e = CreditEntry
    names = select(e.description).where(e.customer_id == customer).order_by(e.seq.desc()).limit(1)
    assert db.session.execute(names).scalar_one() == f"Transfer to User #{heir}"


def test_nothing_is_closed_while_money_is_on_its_way_or_the_page_was_out_of_date() -> None:
    paying, refunding, busy = make_customer(), make_customer(), make_customer(100)
    invoice = make_invoice(paying, 700)
    number = transact(numbers.reserve, "intents")
    transact(intents.begin, paying, number, invoice, gateway="sandbox", by=actor(), key=new_key())
    paid = make_invoice(refunding, 900)
    payment = make_payment(refunding, 900, paid)
    number = transact(numbers.reserve, "refunds")
    transact(refunds.request_for_invoice, refunding, number, paid, 900, payment, by=actor(), key=new_key())

    with pytest.raises(MoneyUnderwayError, match="a payment is under way"):
        delete(paying, cancels=True)
    with pytest.raises(MoneyUnderwayError, match=f"refund #{number} has not been sent"):
        delete(refunding)
    terms: dict[str, Any] = {"version": 1, "cancel_invoices": False, "refund_ids": (), "by": actor()}
    for version, seen_minor in ((1, 99), (2, 100)):
        told = terms | {"version": version, "seen_minor": seen_minor, "key": new_key()}
        with pytest.raises(StaleFormError):
            transact(customer_life.delete, busy, Choices(goodwill=Way.EXPIRE, reason_id=1), **told)
    with pytest.raises(DomainError):
        delete(busy, goodwill=Way.EXPIRE, reason_id=999)
    assert balance_of(busy) == 100
    delete(busy, key="once", goodwill=Way.EXPIRE)
    with pytest.raises(FormReusedError):
        delete(paying, key="once", cancels=True)


def test_money_that_comes_late_is_not_taken_from_who_has_gone() -> None:
    customer = make_customer()
    delete(customer)
    number = transact(numbers.reserve, "payments")

    with pytest.raises(CustomerClosedError):
        transact(
            payments.record, customer, number, 100, method="bank", received_on=date(2026, 3, 1), by=actor(), key="late"
        )


def test_who_comes_at_the_same_moment_is_in_time_or_finds_nobody() -> None:
    customer, heir = make_customer(1000), make_customer(1000)
    reason = reason_named("Courtesy")

    def add() -> str:
        return _outcome(give, customer, 10)

    def move() -> str:
        terms: dict[str, Any] = {"reason_id": reason, "by": actor(), "key": new_key()}
        return _outcome(transact, credits.transfer, heir, customer, 10, **terms)

    def pay() -> str:
        return _outcome(make_payment, customer, 10)

    def go() -> str:
        for _try in range(50):
            if _outcome(delete, customer, goodwill=Way.TRANSFER, paid=Way.EXPIRE, to_id=heir) == "done":
                return "gone"
        return "never"

    outcomes = together([add, move, pay, add, move, pay, go, add, move, pay])

    assert set(outcomes) <= {"done", "CustomerClosedError", "gone"}
    assert outcomes.count("gone") == 1
    a = CreditAccount
    closed = select(a.balance_minor, a.closed_at.is_not(None)).where(a.customer_id == customer)
    assert tuple(db.session.execute(closed).one()) == (0, True)


def _outcome(verb: Callable[..., object], *args: Any, **kwargs: Any) -> str:  # noqa: ANN401  (passed through)
    """Do it, and return how it ended: done, or by which refusal."""
    try:
        verb(*args, **kwargs)
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"
