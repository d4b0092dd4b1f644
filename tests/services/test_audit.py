"""The audit log: one row for each act, chained, with what changed kept apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, ledger_key, snapshot, transact, transact_at
from creditapp.models import AuditDetails, AuditHead, AuditRow
from creditapp.services import audit
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.audit import Action
from tests.factories import moment


def _rows() -> list[tuple[AuditRow, AuditDetails]]:
    db.session.rollback()
    statement = (
        select(AuditRow, AuditDetails).join(AuditDetails, AuditDetails.seq == AuditRow.seq).order_by(AuditRow.seq)
    )
    return [(row, details) for row, details in db.session.execute(statement)]


def _details() -> dict[str, Any]:
    ((_row, details),) = _rows()
    assert details.details is not None
    return details.details


def test_a_row_says_who_did_what_to_which_object_when_and_from_where(app: Flask) -> None:
    by = Actor("staff", 7, "192.0.2.9")

    seq = transact_at(moment(), audit.record, Action.CUSTOMER_EDITED, by, "customer", 12)

    ((row, details),) = _rows()
    assert (row.seq, row.action, row.actor, row.actor_id) == (seq, "customer_edited", "staff", 7)
    assert (row.object_kind, row.object_id, row.at) == ("customer", 12, moment())
    assert details.details == {"address": "192.0.2.9"}


def test_only_what_differs_is_kept(app: Flask) -> None:
    before = {"name": "Zoë", "joined_on": date(2024, 3, 1), "company": "Kite"}
    after = {"name": "Zoe", "joined_on": date(2024, 3, 1), "company": "Kite", "version": 2}

    transact(audit.record, Action.CUSTOMER_EDITED, SYSTEM, "customer", 1, before, after)

    assert _details() == {"address": "", "before": {"name": "Zoë"}, "after": {"name": "Zoe", "version": 2}}


@pytest.mark.parametrize("name", ["password", "new_password", "Token", "secret_key", "password_hash"])
def test_a_secret_is_never_kept(app: Flask, name: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        transact(audit.record, Action.SETTINGS_SAVED, SYSTEM, "settings", 1, None, {name: "x"})

    assert _rows() == []


def test_a_value_that_json_cannot_say_is_a_mistake(app: Flask) -> None:
    with pytest.raises(TypeError, match="float"):
        transact(audit.record, Action.SETTINGS_SAVED, SYSTEM, "settings", 1, None, {"rate": 0.1})


@pytest.mark.money
@pytest.mark.parametrize("typed", ["\ud800", "a\x00b", "x" * 5000, "\u202eevil", '"quoted"\n'])
def test_what_somebody_typed_never_breaks_the_log(app: Flask, typed: str) -> None:
    transact(audit.record, Action.SIGN_IN_FAILED, SYSTEM, "log_in", None, None, {"email": typed})

    kept = _details()["after"]["email"]
    assert len(kept) <= audit.VALUE_CHARS_MAX
    assert "\x00" not in kept


@pytest.mark.money
def test_each_row_is_chained_to_the_one_before(app: Flask) -> None:
    for number in range(3):
        transact(audit.record, Action.EXPORTED, Actor("staff", 1), "customer", number, None, {"rows": number})

    with snapshot() as session:
        key, previous = ledger_key(session), bytes(32)
    for row, details in _rows():
        facts = {column.name: getattr(row, column.name) for column in AuditRow.__table__.columns}
        assert details.details is not None
        assert details.salt is not None
        assert row.details_digest == audit.details_digest(details.salt, details.details)
        assert row.hash == audit.audit_hash(key, previous, facts)
        previous = row.hash
    head = db.session.execute(select(AuditHead)).scalar_one()
    assert (head.seq, head.hash) == (3, previous)


def test_an_act_that_fails_leaves_no_row(app: Flask) -> None:
    def fail(session: Session) -> None:
        audit.record(session, Action.REASON_CREATED, SYSTEM, "reason", 1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transact(fail)

    assert _rows() == []


@pytest.mark.money
def test_acts_at_the_same_time_make_one_chain(app: Flask) -> None:
    def act(number: int) -> None:
        with app.app_context():
            transact(audit.record, Action.SIGNED_IN, Actor("staff", number), "staff", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(1, 25)))

    assert [row.seq for row, _details in _rows()] == list(range(1, 25))
