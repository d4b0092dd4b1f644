"""Words of a customer, planted wherever a form takes some, and looked for in every column of every table."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from creditapp.db import db, transact
from creditapp.jobs import batches as jobs
from creditapp.models import (
    AuditDetails,
    AuditRow,
    CreditAccount,
    Customer,
    FormDraft,
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
    customers,
    freezing,
    merging,
    numbers,
    subscriptions,
)
from creditapp.services.actor import customer as customer_actor
from creditapp.services.audit import Action
from creditapp.services.customer_life import Way
from creditapp.services.customers import CustomerFields
from creditapp.services.downtime import crediting, durations
from creditapp.services.downtime.crediting import Ask
from creditapp.services.invoices import Line
from creditapp.services.subscriptions import NewSubscription
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
    new_key,
    reason_named,
)
from tests.services.batches.desk import issue
from tests.services.customer_life.leaving import delete, holders, sums

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]

NAME, COMPANY = "Zöe Éstrella Canarybird", "Canaryworks & Sons"
EMAIL, EXTERNAL = "zoe@canarymail.example", "EXT-CANARY-77"
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
    back = transact(credits.transfer, zoe, other, 30, reason_id=reason_named("Courtesy"), **act()).given
    transact(credits.take_back, zoe, back.seq, note=f"{TYPED} slip", **act())
    subscription = _subscribe(zoe)
    _bill(zoe, subscription)
    _credit_downtime(zoe, subscription)
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


def _credit_downtime(zoe: int, subscription: int) -> None:
    """Credit the subscription from her page, and once more by an incident."""
    length = durations.parse("3 h 20 min")
    ask = Ask(subscription_id=subscription, policy_id=2, duration=length, on=date(2026, 11, 3), title="Power cut")
    seen_minor = transact(crediting.work_out, zoe, ask).credit.amount_minor
    transact(crediting.credit, zoe, ask, seen_minor=seen_minor, note=f"{TYPED} night", **act())
    issue(make_preview(make_incident(customer_ids=(zoe,), title="Storage outage")), 1)


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
