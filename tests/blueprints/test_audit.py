"""The audit log's page: who did what, found by any of its four questions, and only as far as one may see it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import null, update
from sqlalchemy.orm import Session

from creditapp.db import db, now, snapshot, transact, transact_at
from creditapp.models import AuditDetails, Role
from creditapp.services import audit, seals, verified
from creditapp.services.actor import SYSTEM, Actor, customer
from creditapp.services.audit import Action
from tests.browser import Browser, Page
from tests.factories import StaffMember, change_settings, give, make_customer, make_product, make_staff, moment
from tests.services.tampering import lift_guards

PAGE = "/admin/audit"
TUESDAY = moment("2026-03-03 10:00")
FIELDS = {"name": "Zoë", "price_minor": 1000, "is_active": True}


def act(by: Actor, action: Action = Action.PRODUCT_EDITED, *about: Any, at: Any = TUESDAY, **after: Any) -> int:  # noqa: ANN401
    kind, number = about or ("product", 1)
    return transact_at(at, audit.record, action, by, kind, number, None, after or {"name": "Hosting"})


def said(page: Page) -> list[tuple[str, str]]:
    """Return who did what, as the list has it."""
    return [(row[1], row[2]) for row in page.rows("acts")]


@pytest.fixture
def anna(app: Flask) -> StaffMember:
    return make_staff(Role.AGENT, name="Anna Winter")


@pytest.fixture
def auditor(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AUDITOR, name="Otto Prüfer"))
    return browser


def test_what_somebody_did_on_a_day_is_one_list_with_the_entries(auditor: Browser, anna: StaffMember) -> None:
    customer_id = make_customer()
    give(customer_id, 500, by=anna.actor, at=TUESDAY + timedelta(hours=1))
    act(Actor("staff", anna.id, "192.0.2.9"), at=TUESDAY + timedelta(hours=2))
    act(anna.actor, at=TUESDAY - timedelta(days=1))
    act(anna.actor, at=TUESDAY + timedelta(days=1))
    act(SYSTEM, Action.SETTINGS_SAVED)

    page = auditor.submit(PAGE, by=anna.id, **{"from": "2026-03-03", "until": "2026-03-03"}, entries=True)

    assert said(page) == [("Anna Winter", "Product edited"), ("Anna Winter", f"Credit Added CR-{customer_id}-1")]
    assert [row[3:] for row in page.rows("acts")] == [
        ["Product #1", "name", "192.0.2.9"],
        [f"User #{customer_id}", "+$5.00", ""],
    ]
    assert page.link("User #1") == f"/admin/users/{customer_id}"
    without = auditor.open(page.links["Remove filter: Entries, too"])
    assert said(without) == [("Anna Winter", "Product edited")]


def test_the_day_is_the_panels(auditor: Browser, anna: StaffMember) -> None:
    change_settings(time_zone="Pacific/Auckland")
    act(anna.actor, at=moment("2026-03-02 23:00"))  # noon of the 3rd in Auckland

    assert said(auditor.open(f"{PAGE}?by={anna.id}&from=2026-03-03&until=2026-03-03")) != []
    assert said(auditor.open(f"{PAGE}?by={anna.id}&until=2026-03-02")) == []


def test_each_question_finds_its_acts(auditor: Browser, anna: StaffMember) -> None:
    customer_id = make_customer(name="Brigid Nolan")
    act(anna.actor, Action.CUSTOMER_EDITED, "customer", customer_id)
    act(customer(customer_id), Action.PASSWORD_CHANGED, "customer", customer_id)
    act(SYSTEM, Action.EXPORTED, "payments", None)

    def found(query: str) -> list[tuple[str, str]]:
        return said(auditor.open(f"{PAGE}?until=2026-03-03&{query}"))

    edited, changed, exported = (
        ("Anna Winter", "User edited"),
        ("Brigid Nolan", "Password changed"),
        ("System", "Exported"),
    )
    assert found("") == [exported, changed, edited]
    assert found(f"user={customer_id}") == [changed]
    assert found("by=system") == [exported]
    assert found("what=customers") == [edited]
    assert found("what=password_changed") == [changed]
    assert found(f"object=customer&number={customer_id}") == [changed, edited]
    assert found("object=payments") == [exported]
    assert found("object=customer&number=999&entries=1") == []


def test_what_makes_no_sense_is_left_out_and_said(auditor: Browser, anna: StaffMember) -> None:
    act(anna.actor)
    odd = "by=99&user=x&what=nothing&object=moon&number=y&from=yesterday&until=2026-02-30&after=bm9wZQ&entries=7"

    page = auditor.open(f"{PAGE}?{odd}")

    assert page.status == 200
    assert ("Anna Winter", "Product edited") in said(page)
    for words in ("nobody whose acts you see", "no user", "no act", "nothing that acts", "no number", "no date"):
        assert words in page.text
    assert "Which one?" in auditor.open(f"{PAGE}?object=customer").text


def test_a_long_log_is_read_page_by_page_there_and_back(auditor: Browser, anna: StaffMember) -> None:
    customer_id = make_customer()

    def many(session: Session) -> None:
        for number in range(1, 106):
            audit.record(session, Action.PRODUCT_EDITED, anna.actor, "product", number)

    transact_at(TUESDAY, many)
    for _ in range(5):
        give(customer_id, 5, by=anna.actor, at=TUESDAY)
    first = auditor.open(f"{PAGE}?by={anna.id}&until=2026-03-03&entries=1")
    second = auditor.open(first.link("Next"))
    third = auditor.open(second.link("Next"))

    shown = [row[3] for page in (first, second, third) for row in page.rows("acts")]
    assert shown == [f"Product #{n}" for n in range(105, 0, -1)] + [f"User #{customer_id}"] * 5
    assert first.text.count("110 acts") == 1
    assert "Next" not in third.links
    assert auditor.open(auditor.open(third.link("Previous")).link("Previous")).rows("acts") == first.rows("acts")


def test_each_sees_own_acts_a_manager_those_of_agents_and_an_auditor_all(app: Flask, anna: StaffMember) -> None:
    people = {role: make_staff(role, name=f"{role.label} Person") for role in Role}
    numbers = {role: act(person.actor) for role, person in people.items()}
    numbers["anna"] = act(anna.actor)  # type: ignore[index]
    act(SYSTEM)
    agent, manager = people[Role.AGENT], people[Role.MANAGER]
    everybody = {person.name for person in people.values()} | {anna.name, "System"}
    seen = {
        Role.AGENT: {agent.name},
        Role.MANAGER: {agent.name, manager.name, anna.name},
        Role.ADMIN: everybody,
        Role.AUDITOR: everybody,
    }

    for role, person in people.items():
        browser = Browser(app)
        browser.sign_in(person)
        assert {who for who, _what in said(browser.open(f"{PAGE}?what=product_edited"))} == seen[role]
        assert {who for who, _what in said(browser.open(f"{PAGE}?object=product&number=1"))} == seen[role]
        for other, number in numbers.items():
            name = anna.name if other == "anna" else people[other].name
            assert browser.get(f"{PAGE}/{number}").status_code == (200 if name in seen[role] else 404), (role, other)
        if role in {Role.AGENT, Role.MANAGER}:
            page = browser.open(f"{PAGE}?by={people[Role.ADMIN].id}&user=1")
            assert {who for who, _what in said(page)} <= seen[role]
            assert "nobody whose acts you see" in page.text
            assert browser.get(f"{PAGE}?by=system").text.count("System") == 0
            assert browser.get(f"{PAGE}/export.csv").status_code == 403


def test_an_act_shows_only_what_differs_side_by_side(auditor: Browser, anna: StaffMember) -> None:
    product = make_product("Hosting")
    before, after = FIELDS, FIELDS | {"name": "<b>Zoe</b>", "price_minor": 1250, "is_active": False}
    by = Actor("staff", anna.id, "192.0.2.9")
    number = transact(audit.record, Action.PRODUCT_EDITED, by, "product", product, before, after)

    page = auditor.open(auditor.open(f"{PAGE}?by={anna.id}").link("Product edited"))

    assert page.path == f"{PAGE}/{number}"
    assert page.rows("changes") == [
        ["Name", "Zoë", "<b>Zoe</b>"],
        ["Price", "$10.00", "$12.50"],
        ["Is active", "Yes", "No"],
    ]
    assert "192.0.2.9" in page.text
    assert "Anna Winter" in page.text


def test_details_that_were_erased_say_so(auditor: Browser, anna: StaffMember) -> None:
    number = act(anna.actor, name="Somebody Real")

    def erase(session: Session) -> None:
        gone = {"details": null(), "salt": None, "erased_at": now(session)}
        session.execute(update(AuditDetails).where(AuditDetails.seq == number).values(gone))

    transact(erase)

    page = auditor.open(f"{PAGE}/{number}")
    assert "The details were erased" in page.text
    assert [row[4] for row in auditor.open(f"{PAGE}?by={anna.id}").rows("acts")] == ["erased"]
    assert "Somebody Real" not in auditor.get(f"{PAGE}/export.csv").text


def test_the_file_holds_what_the_page_shows_and_is_safe_to_open(auditor: Browser, anna: StaffMember) -> None:
    customer_id = make_customer()
    give(customer_id, -200 + 700, by=anna.actor, at=TUESDAY)
    number = act(anna.actor, at=TUESDAY + timedelta(minutes=1), name="=SUM(A1)")
    act(SYSTEM)

    page = auditor.open(f"{PAGE}?by={anna.id}&entries=1")
    rows = list(csv.DictReader(io.StringIO(auditor.get(page.link("Export CSV")).text)))

    assert [row["Number"] for row in rows] == [str(number), f"CR-{customer_id}-1"]
    assert rows[0]["After"] == '{"name": "=SUM(A1)"}'
    assert (rows[1]["What"], rows[1]["After"], rows[1]["Day"]) == ("Credit Added", "5.00", "2026-03-03")
    assert said(auditor.open(f"{PAGE}?what=exports"))[0] == ("Otto Prüfer", "Exported")


def test_the_button_proves_the_newest_rows_and_the_page_remembers(auditor: Browser, anna: StaffMember) -> None:
    act(anna.actor)

    page = auditor.submit(PAGE, form="Verify the newest rows")

    assert page.flashes == ["The newest 2 rows are whole. “flask ledger verify” proves all of them, and the books."]
    assert "Whole 2 verified" in page.words("chain")
    assert said(page)[0] == ("Otto Prüfer", "Audit log verified")


def test_the_page_says_when_everything_was_proved_and_sealed(auditor: Browser, app: Flask) -> None:
    assert "Never verified here" in auditor.open(PAGE).words("chain")
    instance = Path(current_app.instance_path)
    db.session.rollback()
    assert app.test_cli_runner().invoke(args=["ledger", "verify"]).exit_code == 0
    with snapshot() as session:
        seals.seal(session, instance / seals.FILE, moment("2026-03-04 03:00"))

    chain = auditor.open(PAGE).words("chain")
    assert "All rows and the books Whole verified" in chain
    assert "4 Mar 2026, 03:00" in chain
    found = verified.last(instance / verified.FILE)
    assert found is not None
    assert found.findings == 0


@pytest.mark.tampers
@pytest.mark.parametrize(
    ("tampering", "finding"),
    [
        (("UPDATE audit_log SET actor_id = 77 WHERE seq = 9",), "audit row 9"),
        (
            (
                "DELETE FROM audit_details WHERE seq > 8",
                "DELETE FROM audit_log WHERE seq > 8",
                "UPDATE audit_head SET seq = 8, hash = (SELECT hash FROM audit_log WHERE seq = 8)",
            ),
            "it was sealed at",
        ),
    ],
    ids=["changed", "tail cut after a seal"],
)
def test_the_button_finds_what_was_tampered_with(
    auditor: Browser, anna: StaffMember, tampering: tuple[str, ...], finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creditapp.blueprints.audit.chain.NEWEST_ROWS", 5)
    for _ in range(10):
        act(anna.actor)
    with snapshot() as session:
        seals.seal(session, Path(current_app.instance_path) / seals.FILE, TUESDAY)
    with db.engine.begin() as connection:
        lift_guards(connection)
        for statement in tampering:
            connection.exec_driver_sql(statement)

    page = auditor.submit(PAGE, form="Verify the newest rows")

    [flash] = page.flashes
    assert flash.startswith("The audit log is not whole.")
    assert finding in flash
    assert "Not whole" in page.words("chain")
