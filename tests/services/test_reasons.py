from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.errors import FormReusedError, LastReasonError, ReasonError, StaleFormError, TakenError
from creditapp.models import AuditDetails, AuditRow, CreditClass, CreditLot, Direction, Reason
from creditapp.services import reasons
from creditapp.services.reasons import ReasonFields
from tests.factories import actor, give, make_customer, make_reason, new_key, reason_named

FIELDS = ReasonFields(name="Late delivery", direction=Direction.ADD, class_=CreditClass.GOODWILL)
pytestmark = pytest.mark.usefixtures("app")


def create(fields: ReasonFields = FIELDS, key: str | None = None) -> int:
    return transact(reasons.create, fields, by=actor(), key=key or new_key())


def edit(reason_id: int, fields: ReasonFields, version: int = 1) -> None:
    transact(reasons.edit, reason_id, fields, version=version, by=actor())


def found(reason_id: int) -> Reason:
    db.session.rollback()
    return db.session.get_one(Reason, reason_id, populate_existing=True)


def names() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Reason.name).order_by(Reason.position)))


def last_act() -> tuple[str, int | None, dict[str, object]]:
    db.session.rollback()
    statement = select(AuditRow.action, AuditRow.object_id, AuditDetails.details).join(
        AuditDetails, AuditDetails.seq == AuditRow.seq
    )
    action, object_id, details = db.session.execute(statement.order_by(AuditRow.seq.desc()).limit(1)).one()
    return action, object_id, details or {}


def keep_only(*kept: str) -> None:
    """Switch every other reason off."""

    def change(session: Session) -> None:
        session.execute(update(Reason).values(is_active=Reason.name.in_(kept)))

    transact(change)


def test_a_new_reason_stands_at_the_end_and_can_be_used() -> None:
    reason_id = create(replace(FIELDS, class_=CreditClass.PROMOTIONAL, expires_after_days=30))

    assert names()[-1] == "Late delivery"
    customer_id = make_customer()
    give(customer_id, 100, reason_id=reason_id)
    lot = db.session.scalars(select(CreditLot)).one()
    assert (lot.class_, lot.expires_at is not None) == ("promotional", True)
    assert last_act()[:2] == ("reason_created", reason_id)


def test_the_same_form_adds_one_reason() -> None:
    assert create(key="one-form-sent-twice") == create(key="one-form-sent-twice")

    assert names().count("Late delivery") == 1
    with pytest.raises(FormReusedError):
        create(replace(FIELDS, name="Another"), key="one-form-sent-twice")


@pytest.mark.parametrize("name", ["courtesy", "COURTESY", "Cóurtesy", "Cour\u200dtesy", "Courtesy\u00ad"])
def test_a_name_that_reads_like_another_is_taken(name: str) -> None:
    with pytest.raises(TakenError):
        create(replace(FIELDS, name=name))

    reason_id = create()
    with pytest.raises(TakenError):
        edit(reason_id, replace(FIELDS, name=name))
    assert found(reason_id).name == "Late delivery"


def test_a_reason_may_change_the_capitals_of_its_own_name() -> None:
    reason_id = create()

    edit(reason_id, replace(FIELDS, name="LATE delivery"))

    assert found(reason_id).name == "LATE delivery"


def test_an_edit_is_audited_with_what_was_so_before() -> None:
    reason_id = create()

    edit(reason_id, replace(FIELDS, note_above_minor=5000, is_quiet=True))

    action, object_id, details = last_act()
    assert (action, object_id) == ("reason_edited", reason_id)
    assert details["before"] == {"is_quiet": False, "note_above_minor": None}
    assert details["after"] == {"is_quiet": True, "note_above_minor": 5000}


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    reason_id = create()

    edit(reason_id, FIELDS)

    assert found(reason_id).version == 1
    assert last_act()[0] == "reason_created"


def test_the_second_of_two_tabs_is_refused() -> None:
    reason_id = create()
    edit(reason_id, replace(FIELDS, customer_text="The first tab"))

    with pytest.raises(StaleFormError):
        edit(reason_id, replace(FIELDS, customer_text="The second tab"))

    assert found(reason_id).customer_text == "The first tab"


def test_posted_credit_keeps_its_class_and_expiry_when_the_reason_changes() -> None:
    reason_id = create(replace(FIELDS, expires_after_days=30))
    give(make_customer(), 100, reason_id=reason_id)
    before = db.session.execute(select(CreditLot.class_, CreditLot.expires_at)).one()

    edit(reason_id, replace(FIELDS, class_=CreditClass.PAID, expires_after_days=None))

    db.session.rollback()
    assert db.session.execute(select(CreditLot.class_, CreditLot.expires_at)).one() == before


def test_a_reason_that_is_switched_off_cannot_be_used() -> None:
    reason_id = create()
    edit(reason_id, replace(FIELDS, is_active=False))

    with pytest.raises(ReasonError):
        give(make_customer(), 100, reason_id=reason_id)


@pytest.mark.parametrize(
    ("kept", "last", "change", "adds"),
    [
        (("Courtesy", "Entered by mistake"), "Courtesy", {"is_active": False}, True),
        (("Courtesy", "Entered by mistake"), "Entered by mistake", {"is_active": False}, False),
        (("Courtesy", "Entered by mistake"), "Courtesy", {"direction": Direction.REMOVE}, True),
        (("Billing error",), "Billing error", {"direction": Direction.ADD}, False),
        (("Billing error",), "Billing error", {"is_active": False}, True),
    ],
)
def test_the_last_reason_of_a_direction_stays(
    kept: tuple[str, ...], last: str, change: dict[str, object], *, adds: bool
) -> None:
    keep_only(*kept)
    reason_id = reason_named(last)
    now = found(reason_id)
    fields = ReasonFields(name=last, direction=Direction(now.direction), class_=CreditClass(now.class_))

    with pytest.raises(LastReasonError) as refused:
        edit(reason_id, replace(fields, **change))  # type: ignore[arg-type]

    assert refused.value.adds is adds
    assert found(reason_id).is_active


def test_a_reason_for_both_directions_stands_in_for_the_last_one() -> None:
    keep_only("Courtesy", "Billing error")

    edit(reason_named("Courtesy"), replace(FIELDS, name="Courtesy", is_active=False))

    assert not found(reason_named("Courtesy")).is_active


@pytest.mark.money
def test_two_people_cannot_switch_off_the_last_two_reasons_at_once(app: Flask) -> None:
    keep_only("Courtesy", "Downtime", "Entered by mistake")
    ids = {name: reason_named(name) for name in ("Courtesy", "Downtime")}
    refused: list[str] = []
    gate = threading.Barrier(2)

    def switch_off(name: str) -> None:
        with app.app_context():
            gate.wait()
            try:
                edit(ids[name], replace(FIELDS, name=name, is_active=False))
            except LastReasonError:
                refused.append(name)

    actor()
    workers = [threading.Thread(target=switch_off, args=(name,)) for name in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)

    assert len(refused) == 1
    assert found(ids[refused[0]]).is_active


def test_a_reason_changes_places_with_its_neighbour() -> None:
    reason_id = reason_named("Downtime")
    first = names()

    transact(reasons.move, reason_id, up=True, by=actor())

    assert names() == [first[0], "Downtime", first[1], *first[3:]]
    assert last_act() == (
        "reason_edited",
        reason_id,
        {"address": "", "before": {"position": 3}, "after": {"position": 2}},
    )
    transact(reasons.move, reason_id, up=False, by=actor())
    assert names() == first


@pytest.mark.parametrize(("name", "up"), [("Courtesy", True), ("Balance correction", False)])
def test_at_the_end_of_the_list_a_move_does_nothing(name: str, *, up: bool) -> None:
    first = names()

    transact(reasons.move, reason_named(name), up=up, by=actor())

    assert names() == first


def test_moving_puts_places_that_are_shared_in_order() -> None:
    made = [make_reason(name) for name in ("One", "Two", "Three")]  # the factory gives them all the same place

    transact(reasons.move, made[2], up=True, by=actor())

    assert names()[-3:] == ["One", "Three", "Two"]


def test_a_reason_that_never_was_is_refused() -> None:
    with pytest.raises(ReasonError):
        edit(10**9, FIELDS)
    with pytest.raises(ReasonError):
        transact(reasons.move, 10**9, up=True, by=actor())
