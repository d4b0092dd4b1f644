"""What is changed behind the books of batches is found, and the row is named."""

from __future__ import annotations

import flask_migrate
import pytest
from flask import Flask

from creditapp.db import db
from creditapp.services import verification
from tests.factories import balance_of, make_customer
from tests.services.batches.desk import issue, look, make_batch, take_back
from tests.services.tampering import tampered

pytestmark = pytest.mark.money

TAMPERINGS = {
    "a batch that counts less": ("UPDATE batches SET posted = 1 WHERE id = :b", "counts 1 entries of 333"),
    "a line of another amount": (
        "UPDATE batch_lines SET amount_minor = 999 WHERE batch_id = :b AND line = 1",
        "posted 999 of it by line 1; its entry is of 111",
    ),
    "a line that was skipped and says it was not": (
        "UPDATE batch_lines SET entry_key = 'other' WHERE batch_id = :b AND line = 2",
        "posted 222 of it by line 2; its entry is of None",
    ),
    "an entry of another batch": (
        "UPDATE credit_entries SET batch_id = NULL WHERE batch_id = :b AND amount_minor = 111",
        "the ledger has 1 of 222",
    ),
}


@pytest.mark.tampers
@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_changed_is_found(app: Flask, name: str) -> None:
    statement, sentence = TAMPERINGS[name]
    batch_id = make_batch([(make_customer(), 111), (make_customer(), 222)])
    issue(batch_id, 2)
    assert verification.report() == []

    with tampered(statement, b=batch_id) as session:
        found = [str(finding) for finding in verification.verify(session)]

    assert any(sentence in line for line in found), found


def test_batches_that_were_taken_down_say_again_what_the_ledger_says(app: Flask) -> None:
    customer = make_customer()
    batch_id = make_batch([(customer, 111), (make_customer(), 222)])
    issue(batch_id, 2)
    reversal_id = take_back(batch_id, 2)
    db.session.remove()

    flask_migrate.downgrade(revision="0003", x_arg="destroy=yes")
    flask_migrate.upgrade()

    assert verification.report() == []
    assert (look(batch_id).posted, look(batch_id).posted_minor) == (2, 333)
    assert (look(reversal_id).posted_minor, balance_of(customer)) == (-333, 0)


def test_incidents_and_batches_are_not_taken_down_unasked(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    db.session.remove()

    with pytest.raises(SystemExit):
        flask_migrate.downgrade(revision="0003")

    assert look(batch_id).lines == 1
