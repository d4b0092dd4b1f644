"""Incidents: recorded, edited, dismissed, and kept from contradicting what has been issued."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.errors import FormReusedError, IncidentError, IncidentNotFoundError, StaleFormError
from creditapp.models import AuditDetails, AuditRow, Batch, DowntimePolicy, Incident
from creditapp.queries.incidents import customers_named
from creditapp.services import incidents
from creditapp.services.incidents import IncidentFields
from tests.crowd import together
from tests.factories import (
    PRO_RATA,
    actor,
    make_customer,
    make_incident,
    make_preview,
    make_product,
    make_subscription,
    moment,
    new_key,
)

NOWHERE = 10**9
FIELDS = IncidentFields(
    title="Störung in Zürich",
    reference="INC-7",
    starts_at=moment("2026-03-02 10:00"),
    ends_at=moment("2026-03-02 13:20"),
    time_zone="Europe/Berlin",
    policy_id=PRO_RATA,
    windows=((moment("2026-03-02 11:00"), moment("2026-03-02 11:30")),),
    locations=("web07", "web08"),
)

pytestmark = pytest.mark.money


def read(incident_id: int) -> IncidentFields:
    db.session.rollback()
    return incidents.read(db.session(), incident_id)


def edit(incident_id: int, fields: IncidentFields, version: int = 1) -> None:
    transact(incidents.edit, incident_id, fields, version=version, by=actor())


def issue(batch_id: int) -> None:
    """Leave the batch as one that has been issued."""

    def confirm(session: Session) -> None:
        batch = session.get_one(Batch, batch_id)
        batch.status, batch.issued_at = "done", now(session)

    transact(confirm)


def status_of(batch_id: int) -> str:
    db.session.rollback()
    return db.session.execute(select(Batch.status).where(Batch.id == batch_id)).scalar_one()


def test_an_incident_is_recorded_once_however_often_it_is_sent(app: Flask) -> None:
    product, customer = make_product(), make_customer()
    fields = replace(FIELDS, product_ids=(product,), customer_ids=(customer,))
    key, by = new_key(), actor()

    made = together([partial(transact, incidents.create, fields, by=by, key=key)] * 3)

    [incident] = set(made)
    assert isinstance(incident, int)
    assert read(incident) == fields
    row = db.session.execute(select(Incident.search_key, Incident.made_by, Incident.credit_round)).one()
    assert tuple(row) == ("storung in zurich inc-7", by.id, 1)
    [details] = db.session.execute(
        select(AuditDetails.details).join(AuditRow).where(AuditRow.action == "incident_created")
    ).scalars()
    assert (details["after"]["locations"], details["after"]["customer_ids"]) == (["web07", "web08"], 1)
    with pytest.raises(FormReusedError):
        transact(incidents.create, replace(fields, title="Another"), by=by, key=key)


def test_what_contradicts_itself_is_refused(app: Flask) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ends_at": moment("2026-03-02 10:00")}, "The end must be after the start."),
        ({"ends_at": moment("2027-03-04 10:00")}, "An incident lasts less than 366 days; check the year."),
        ({"windows": FIELDS.windows * 2}, "Two of the times that do not count overlap; write them as one."),
        ({"policy_id": NOWHERE}, "This policy is not there, or switched off. Choose another one."),
        ({"customer_ids": (NOWHERE,)}, f"There is no user #{NOWHERE}."),
        ({"product_ids": (NOWHERE,)}, f"There is no product #{NOWHERE}."),
    ]
    for given, problem in cases:
        with pytest.raises(IncidentError) as refused:
            transact(incidents.create, replace(FIELDS, **given), by=actor(), key=new_key())
        assert str(refused.value) == problem

    assert db.session.execute(select(func.count()).select_from(Incident)).scalar_one() == 0


def test_editing_drops_a_preview_that_no_longer_fits(app: Flask) -> None:
    make_subscription(make_customer(), location="web07")
    incident = transact(incidents.create, FIELDS, by=actor(), key=new_key())
    preview = make_preview(incident)

    edit(incident, FIELDS)
    edit(incident, replace(FIELDS, reference="INC-8", note="Disk"))
    assert status_of(preview) == "ready"

    edit(incident, replace(FIELDS, locations=("web07",)), version=2)
    assert (read(incident).locations, status_of(preview)) == (("web07",), "dropped")


def test_who_edits_too_late_or_nothing_is_refused(app: Flask) -> None:
    incident = transact(incidents.create, FIELDS, by=actor(), key=new_key())
    edit(incident, replace(FIELDS, title="First"))

    with pytest.raises(StaleFormError):
        edit(incident, replace(FIELDS, title="Second"))
    with pytest.raises(IncidentNotFoundError):
        edit(NOWHERE, FIELDS)

    assert read(incident).title == "First"


def test_a_policy_that_was_switched_off_stays_with_its_incident(app: Flask) -> None:
    incident = transact(incidents.create, FIELDS, by=actor(), key=new_key())
    off = update(DowntimePolicy).where(DowntimePolicy.id == PRO_RATA).values(is_active=False)
    transact(lambda session: session.execute(off) and None)

    edit(incident, replace(FIELDS, title="Renamed"))

    with pytest.raises(IncidentError, match="switched off"):
        transact(incidents.create, FIELDS, by=actor(), key=new_key())


def test_what_has_been_issued_is_not_contradicted(app: Flask) -> None:
    ada, ben = make_customer(), make_customer()
    by = actor()
    plain = transact(incidents.create, FIELDS, by=by, key=new_key())
    named = transact(incidents.create, replace(FIELDS, locations=(), customer_ids=(ada,)), by=by, key=new_key())
    for incident in (plain, named):
        issue(make_preview(incident))

    for incident, change in (
        (plain, {"starts_at": moment("2026-03-02 09:00")}),
        (plain, {"windows": ()}),
        (plain, {"policy_id": 2}),
        (plain, {"locations": ("web07",)}),
        (plain, {"customer_ids": (ada,)}),
        (named, {"customer_ids": (ben,)}),
        (named, {"customer_ids": ()}),
        (named, {"locations": ("web07",)}),
    ):
        with pytest.raises(IncidentError, match="Credit has been issued"):
            edit(incident, replace(read(incident), **change))
    with pytest.raises(IncidentError, match="Take the batch back first"):
        transact(incidents.dismiss, plain, by=by)

    edit(plain, replace(FIELDS, title="Renamed", locations=("web07", "web08", "web09")))
    edit(named, replace(read(named), customer_ids=(ada, ben)))
    assert (read(plain).locations, read(named).customer_ids) == (("web07", "web08", "web09"), (ada, ben))


def test_once_the_credit_was_taken_back_everything_may_change(app: Flask) -> None:
    incident = transact(incidents.create, FIELDS, by=actor(), key=new_key())
    issue(make_preview(incident))
    transact(lambda session: session.execute(update(Incident).values(credit_round=2)) and None)

    edit(incident, replace(FIELDS, ends_at=moment("2026-03-02 12:00"), locations=("web09",)))

    assert read(incident).locations == ("web09",)


def test_a_dismissed_incident_can_be_taken_up_again(app: Flask) -> None:
    incident = make_incident(locations=("web07",))
    preview = make_preview(incident)

    for dismissed in (True, True, False, False):
        transact(incidents.dismiss, incident, by=actor(), dismissed=dismissed)

    assert status_of(preview) == "dropped"
    assert db.session.execute(select(Incident.dismissed_at)).scalar_one() is None
    edits = select(func.count()).select_from(AuditRow).where(AuditRow.action == "incident_edited")
    assert db.session.execute(edits).scalar_one() == 2


def test_users_are_named_by_number_external_id_and_email(app: Flask) -> None:
    ada = make_customer(email="Ada@Customer.example", external_id="P-1")
    ben = make_customer(email="both@customer.example", external_id="4711")
    cleo = make_customer(email="both@customer.example")

    named = customers_named(
        db.session(), [f"#{ada}", str(cleo), "4711", "ADA@customer.example", "both@customer.example", "#4711", "x"]
    )

    assert named.customer_ids == {ada, ben, cleo}
    assert named.unknown == ["#4711", "x"]
    assert named.ambiguous == [("both@customer.example", [ben, cleo])]
