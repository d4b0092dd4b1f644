"""What a merge would have left behind or lost is found, and the row is named. One merge, spoilt in many ways."""

from __future__ import annotations

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.services import credits, verification
from tests.factories import actor, make_client, make_customer, make_invoice, make_subscription, new_key
from tests.services.tampering import tampered
from tests.services.test_merging import merge

TAMPERINGS = {
    "UPDATE credit_accounts SET balance_minor = 5 WHERE customer_id = :x": "holds 5 or is not closed",
    "UPDATE customers SET status = 'merged', merged_into_id = :x WHERE id = :z": "who was merged, too",
    "UPDATE invoices SET status = 'unpaid' WHERE customer_id = :x": "it is unpaid, and its customer was merged",
    "UPDATE subscriptions SET status = 'active', cancelled_on = NULL WHERE customer_id = :x": "it is active or",
    "UPDATE log_ins SET customer_id = :x WHERE customer_id = :y": "somebody can sign in as it",
    "UPDATE invoices SET total_minor = 7 WHERE customer_id = :y": "where it is of 7",
    "UPDATE invoices SET moved_from_id = NULL WHERE customer_id = :y": "where it is of None",
    "UPDATE invoices SET moved_to_id = NULL WHERE customer_id = :x": "who has no such invoice that moved",
    "DELETE FROM subscriptions WHERE customer_id = :y": "who has none of that number",
    "UPDATE credit_lots SET class = 'paid' WHERE customer_id = :y": "it moved goodwill credit",
    "UPDATE customers SET status = 'active', merged_into_id = NULL WHERE id = :x": "and nobody was merged",
}


@pytest.mark.tampers
def test_what_was_changed_is_found(app: Flask) -> None:
    client, kept, other = make_client(1000), make_customer(), make_customer()
    invoice_id = make_invoice(client.id, 4000)
    make_subscription(client.id)
    transact(credits.apply, client.id, invoice_id, 300, by=actor(), key=new_key())
    merge(client.id, kept)
    assert verification.report() == []

    for statement, sentence in TAMPERINGS.items():
        with tampered(statement, x=client.id, y=kept, z=other) as session:
            found = [str(finding) for finding in verification.verify(session) if finding.check == "merges"]
        assert any(sentence in line for line in found), (statement, found)
