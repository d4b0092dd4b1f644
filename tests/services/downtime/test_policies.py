from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import FormReusedError, PolicyError, StaleFormError, TakenError
from creditapp.models import AuditDetails, AuditRow, PolicyMethod
from creditapp.queries import policies as queries
from creditapp.services.downtime import Terms, policies
from creditapp.services.downtime.policies import PolicyFields
from tests.factories import actor, new_key

TABLE = Terms(method=PolicyMethod.TIERS, tiers=((950_000, 5_000), (999_000, 1_000)))
FIELDS = PolicyFields(name="Our table", description="As of the terms of 2026.", terms=TABLE)
pytestmark = pytest.mark.usefixtures("app")


def create(fields: PolicyFields = FIELDS, key: str | None = None) -> int:
    return transact(policies.create, fields, by=actor(), key=key or new_key())


def found(policy_id: int) -> queries.PolicyFacts:
    db.session.rollback()
    policy = queries.find(db.session(), policy_id)
    assert policy is not None
    return policy


def names() -> list[str]:
    db.session.rollback()
    return [policy.name for policy in queries.listed(db.session())]


def test_a_new_policy_stands_at_the_end_with_its_table() -> None:
    policy_id = create()

    assert names()[-1] == "Our table"
    assert (found(policy_id).terms, found(policy_id).version) == (TABLE, 1)
    acts = select(AuditRow.action, AuditDetails.details).join(AuditDetails, AuditDetails.seq == AuditRow.seq)
    action, details = db.session.execute(acts.order_by(AuditRow.seq.desc()).limit(1)).one()
    assert action == "policy_created"
    assert "below 99.9 %: 10 %" in str(details)


def test_the_same_form_adds_one_policy() -> None:
    assert create(key="one-form-sent-twice") == create(key="one-form-sent-twice")

    assert names().count("Our table") == 1
    with pytest.raises(FormReusedError):
        create(replace(FIELDS, name="Another"), key="one-form-sent-twice")


@pytest.mark.money
def test_a_name_that_reads_like_another_is_taken() -> None:
    other_id = create()

    with pytest.raises(TakenError):
        create(replace(FIELDS, name="PRO RATA"))
    with pytest.raises(TakenError):
        transact(policies.edit, other_id, replace(FIELDS, name="pro rata"), version=1, by=actor())


@pytest.mark.money
def test_an_edit_replaces_the_table_and_is_refused_on_an_older_version() -> None:
    policy_id = create()
    shorter = replace(FIELDS, terms=replace(TABLE, tiers=((990_000, 2_500),), cap_bp=5_000))

    transact(policies.edit, policy_id, shorter, version=1, by=actor())

    assert (found(policy_id).terms, found(policy_id).version) == (shorter.terms, 2)
    with pytest.raises(StaleFormError):
        transact(policies.edit, policy_id, FIELDS, version=1, by=actor())


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    policy_id = create()

    transact(policies.edit, policy_id, FIELDS, version=1, by=actor())

    assert found(policy_id).version == 1


def test_switched_off_it_stays_in_the_list_and_is_offered_no_more() -> None:
    transact(policies.edit, create(), replace(FIELDS, is_active=False), version=1, by=actor())

    assert names()[-1] == "Our table"
    assert "Our table" not in [policy.name for policy in queries.active(db.session())]


def test_policies_change_places_and_stop_at_the_ends() -> None:
    first, second = names()[:2]
    top = queries.listed(db.session())[0].id

    transact(policies.move, top, up=True, by=actor())
    assert names()[:2] == [first, second]

    transact(policies.move, top, up=False, by=actor())
    assert names()[:2] == [second, first]
    with pytest.raises(PolicyError):
        transact(policies.move, 99, up=True, by=actor())
