"""A frozen balance is seen and kept, takes what arrives, and is used by nobody; each step is written down."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import CustomerClosedError, DomainError
from creditapp.models import AuditDetails, AuditRow, CreditAccount
from creditapp.services import arrivals, credits, freezing
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    close_customer,
    give,
    make_customer,
    make_invoice,
    make_payment,
    new_key,
)

pytestmark = pytest.mark.usefixtures("app")


def audited(customer: int) -> list[tuple[str, Any]]:
    db.session.rollback()
    statement = select(AuditRow.action, AuditDetails.details).join(AuditDetails, AuditDetails.seq == AuditRow.seq)
    rows = db.session.execute(statement.where(AuditRow.object_id == customer).order_by(AuditRow.seq))
    return [(action, {side: details.get(side) for side in ("before", "after")}) for action, details in rows]


@pytest.mark.money
def test_a_frozen_balance_takes_what_arrives_and_gives_nothing_until_it_is_released() -> None:
    customer = make_customer(1000)
    change_settings(automatic_on_arrival=True)
    invoice = make_invoice(customer, 600)

    assert transact(freezing.freeze, customer, "Chargeback is looked into", by=actor())
    assert not transact(freezing.freeze, customer, "Chargeback is looked into", by=actor())
    with pytest.raises(DomainError, match="frozen"):
        transact(credits.apply, customer, invoice, by=actor(), key=new_key())
    assert transact(arrivals.use, customer) == []
    give(customer, 50)
    make_payment(customer, 30)
    assert balance_of(customer) == 1080
    assert transact(freezing.freeze, customer, "Disputed", by=actor())
    assert transact(freezing.release, customer, by=actor())
    assert not transact(freezing.release, customer, by=actor())

    assert [used.amount_minor for used in transact(arrivals.use, customer)] == [600]
    assert audited(customer) == [
        ("balance_frozen", {"before": {"frozen": None}, "after": {"frozen": "Chargeback is looked into"}}),
        ("balance_frozen", {"before": {"frozen": "Chargeback is looked into"}, "after": {"frozen": "Disputed"}}),
        ("balance_released", {"before": {"frozen": "Disputed"}, "after": {"frozen": None}}),
    ]


def test_who_is_closed_is_neither_frozen_nor_released() -> None:
    customer = make_customer()
    close_customer(customer)

    with pytest.raises(CustomerClosedError):
        transact(freezing.freeze, customer, "Late", by=actor())
    with pytest.raises(CustomerClosedError):
        transact(freezing.release, customer, by=actor())

    assert db.session.scalar(select(CreditAccount.frozen_at).where(CreditAccount.customer_id == customer)) is None
