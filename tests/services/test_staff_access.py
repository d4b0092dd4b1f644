"""Who may change whom: judged by the rows as they stand inside the transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from creditapp.db import db, transact, transact_at
from creditapp.errors import (
    DomainError,
    FormReusedError,
    LastAdminError,
    LinkError,
    OwnStaffAccountError,
    OwnUserError,
    RoleAboveError,
    StaffDisabledError,
    StaffStateError,
    StaleFormError,
    TakenError,
)
from creditapp.models import AuditRow, LogIn, Role, Staff, StaffInvitation
from creditapp.permissions import ROLES, Permission
from creditapp.queries import staff as queries
from creditapp.services import housekeeping, passwords, staff_access
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.staff_access import Invitation, StaffFields
from creditapp.services.staff_access.people import MANAGES
from tests.crowd import together
from tests.factories import close_customer, make_customer, make_staff, moment, new_key
from tests.phones import give_factor

pytestmark = pytest.mark.usefixtures("app")
START = moment("2026-03-02 12:00")
PRIYA = Invitation("priya@panel.example", "Priya Raman", Role.AGENT)


def row(staff_id: int) -> Staff:
    db.session.rollback()
    return db.session.get_one(Staff, staff_id, populate_existing=True)


def no_link(_token: str) -> None:
    return None


def invite(invited: Invitation = PRIYA, *, by: Actor) -> str:
    token = transact_at(START, staff_access.invite, invited, link=no_link, by=by, key=new_key())
    assert token is not None
    return token


def edit(staff_id: int, role: Role, *, by: Actor, own: int | None = None) -> None:
    transact(staff_access.edit, staff_id, StaffFields(role, own), version=row(staff_id).version, by=by)


def refused(work: Callable[[], Any]) -> type[Exception] | None:
    try:
        work()
    except DomainError as error:
        return type(error)
    return None


def acts_on(staff_id: int, by: Actor) -> list[Callable[[], Any]]:
    named = (staff_access.disable, staff_access.enable, staff_access.end_sessions, staff_access.reset_factor)
    return [
        *[partial(transact, act, staff_id, by=by) for act in named],
        partial(transact, staff_access.send_reset, staff_id, link=no_link, by=by),
        partial(edit, staff_id, Role.AUDITOR, by=by),
    ]


def test_who_manages_staff_in_the_service_is_who_holds_the_permission() -> None:
    assert [role for role in Role if Permission.STAFF_WRITE in ROLES[role]] == [MANAGES]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.AUDITOR])
def test_nobody_below_an_admin_changes_anybody(role: Role) -> None:
    by, other = make_staff(role).actor, make_staff(Role.AUDITOR)
    give_factor(other)

    assert {refused(act) for act in acts_on(other.id, by)} == {RoleAboveError}
    assert refused(partial(invite, by=by)) is RoleAboveError
    assert (row(other.id).role, row(other.id).version) == ("auditor", 1)


def test_nobody_changes_their_own_account_and_who_is_disabled_changes_none() -> None:
    own, gone, other = make_staff(), make_staff(disabled=True), make_staff(Role.AGENT)
    make_staff()
    give_factor(other)

    assert {refused(act) for act in acts_on(own.id, own.actor)} == {OwnStaffAccountError}
    assert {refused(act) for act in acts_on(other.id, gone.actor)} == {StaffDisabledError}
    assert refused(partial(invite, by=gone.actor)) is StaffDisabledError


def test_the_last_admin_stays_one() -> None:
    last = make_staff()
    make_staff(disabled=True)

    assert refused(partial(transact, staff_access.disable, last.id, by=SYSTEM)) is LastAdminError
    assert refused(partial(edit, last.id, Role.MANAGER, by=SYSTEM)) is LastAdminError


@pytest.mark.money
@pytest.mark.parametrize("act", ["disable", "demote"])
def test_admins_who_take_each_other_away_at_once_leave_one(act: str) -> None:
    people = [make_staff() for _ in range(4)]

    def take_away(taken: int, by: Actor) -> None:
        if act == "disable":
            transact(staff_access.disable, taken, by=by)
        else:
            transact(staff_access.edit, taken, StaffFields(Role.AGENT, None), version=1, by=by)

    works = [partial(take_away, people[n - 1].id, people[n].actor) for n in range(4)]
    outcomes = together([*works, *[partial(take_away, one.id, SYSTEM) for one in people]])

    assert all(outcome is None or isinstance(outcome, DomainError) for outcome in outcomes), outcomes
    statement = select(Staff.id).where(Staff.role == "admin", Staff.disabled_at.is_(None))
    assert len(db.session.scalars(statement).all()) == 1


def test_an_edit_on_an_older_page_is_refused_and_the_own_user_must_be_there() -> None:
    admin, agent, closed = make_staff(), make_staff(Role.AGENT), make_customer()
    close_customer(closed)
    edit(agent.id, Role.MANAGER, by=admin.actor, own=make_customer())

    stale = partial(transact, staff_access.edit, agent.id, StaffFields(Role.ADMIN, None), version=1, by=admin.actor)
    assert refused(stale) is StaleFormError
    for customer_id in (closed, 10**9):
        assert refused(partial(edit, agent.id, Role.MANAGER, by=admin.actor, own=customer_id)) is OwnUserError
    assert row(agent.id).role == "manager"


def test_an_invitation_makes_one_account() -> None:
    token = invite(by=make_staff().actor)
    password_hash = passwords.hash_password("seven green turtles swim")

    staff_id = transact_at(START, staff_access.accept, token, password_hash, address="192.0.2.1")

    assert (row(staff_id).name, row(staff_id).role) == (PRIYA.name, "agent")
    log_in = db.session.get_one(LogIn, row(staff_id).log_in_id)
    assert (log_in.email, log_in.password_hash) == (PRIYA.email, password_hash)
    again = partial(transact_at, START, staff_access.accept, token, password_hash, address="")
    assert refused(again) is LinkError
    assert refused(partial(invite, by=make_staff().actor)) is TakenError
    [made] = db.session.scalars(select(AuditRow).where(AuditRow.action == "staff_created"))
    assert (made.actor, made.actor_id, made.object_id) == ("staff", staff_id, staff_id)


@pytest.mark.parametrize("how", ["withdrawn", "over", "made anew", "inviter disabled", "inviter demoted"])
def test_an_invitation_that_is_over_makes_none(how: str) -> None:
    inviter, other = make_staff(), make_staff()
    token, at = invite(by=inviter.actor), START
    if how == "withdrawn":
        assert transact(staff_access.withdraw, PRIYA.email.upper(), by=other.actor)
    elif how == "over":
        at = START + staff_access.INVITATION_LIFE
    elif how == "made anew":
        invite(by=other.actor)
    elif how == "inviter disabled":
        transact(staff_access.disable, inviter.id, by=other.actor)
    else:
        edit(inviter.id, Role.AGENT, by=other.actor)

    assert refused(partial(transact_at, at, staff_access.accept, token, "hash", address="")) is LinkError
    assert staff_access.find_invitation(db.session(), token, at) is None
    transact_at(START + staff_access.INVITATION_LIFE, housekeeping.run)
    assert db.session.scalars(select(StaffInvitation.email)).all() == []


@pytest.mark.money
def test_an_invitation_that_is_sent_twice_is_made_once_and_used_once() -> None:
    key, by = new_key(), make_staff().actor
    send = partial(transact_at, START, staff_access.invite, PRIYA, link=no_link, by=by, key=key)
    tokens = [token for token in together([send] * 4) if token is not None]

    assert len(tokens) == 1
    assert len(db.session.scalars(select(StaffInvitation.email)).all()) == 1
    other = Invitation(PRIYA.email, PRIYA.name, Role.ADMIN)
    with pytest.raises(FormReusedError):
        transact(staff_access.invite, other, link=no_link, by=by, key=key)
    accept = partial(transact_at, START, staff_access.accept, str(tokens[0]), "hash", address="")
    assert [type(one) for one in together([accept] * 4)].count(LinkError) == 3


def test_a_link_for_a_new_password_works_once_for_half_an_hour_and_for_staff_alone() -> None:
    admin, person = make_staff(), make_staff(Role.AGENT)

    def ask(email: str) -> str:
        return transact_at(START, staff_access.ask_reset, email, link=no_link, address="192.0.2.1") or ""

    first, second = ask(person.email.upper()), ask(person.email)
    assert ask("nobody@panel.example") == ask(make_staff(disabled=True).email) == ""

    late = partial(transact_at, START + timedelta(minutes=30), staff_access.reset, first, "hash", address="")
    assert refused(late) is LinkError
    assert transact_at(START, staff_access.reset, first, "another hash", address="") == person.id
    for used in (first, second):  # with the new password all other links have ended
        assert refused(partial(transact_at, START, staff_access.reset, used, "hash", address="")) is LinkError
    transact(staff_access.disable, person.id, by=admin.actor)
    send = partial(transact, staff_access.send_reset, person.id, link=no_link, by=admin.actor)
    assert refused(send) is StaffStateError


def test_which_roles_need_a_second_factor_is_kept_with_the_settings() -> None:
    admin, below = make_staff().actor, make_staff(Role.AGENT).actor
    required = {role: role == Role.ADMIN for role in Role}

    def save(by: Actor, version: int) -> None:
        transact(staff_access.require_factor, required, version=version, by=by)

    save(admin, 1)

    assert refused(partial(save, admin, 1)) is StaleFormError
    assert refused(partial(save, below, 2)) is RoleAboveError
    assert queries.required_factors(db.session()) == required
