"""The demo's staff: four whose passwords lie in the instance folder, and colleagues nobody signs in as."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import LogIn, LogInKind, Role
from creditapp.services import staff, staff_access

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

FILE = "demo-sign-ins"
_PEOPLE = {
    Role.ADMIN: "Ines Albrecht",
    Role.MANAGER: "Tomasz Wójcik",
    Role.AGENT: "Mark O'Hara",
    Role.AUDITOR: "Chidi Okonkwo",
}
_COLLEAGUES = (
    (Role.MANAGER, "Ruth Bergström"),
    (Role.AGENT, "Yuki Tanaka"),
    (Role.AGENT, "Leïla Haddad"),
    (Role.AGENT, "Sam Petrov"),
)
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeiou"


@dataclass(frozen=True, slots=True)
class SignIn:
    """An e-mail and a password for one role."""

    role: Role
    email: str
    password: str


def read(instance: Path) -> list[SignIn]:
    """Return the sign-ins kept in this folder; none when this is no demo."""
    try:
        lines = (instance / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [SignIn(Role(role), email, password) for role, email, password in map(str.split, filter(str.strip, lines))]


def read_or_make(instance: Path) -> list[SignIn]:
    """Return the sign-ins kept in this folder, with random passwords made the first time; only its owner reads them."""
    if kept := read(instance):
        return kept
    made = [SignIn(role, f"{role}@demo.example", new_password()) for role in _PEOPLE]
    descriptor = os.open(instance / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{one.role} {one.email} {one.password}\n" for one in made)
    return made


def usable(session: Session, kept: list[SignIn]) -> list[SignIn]:
    """Return those that open this database: the folder may have served another one."""
    there = session.execute(select(LogIn.email_key).where(LogIn.kind == str(LogInKind.STAFF))).scalars().all()
    return [one for one in kept if staff.email_key(one.email) in there]


def create_staff(session: Session, made: list[SignIn], *, by: Actor) -> dict[Role, int]:
    """Make the four, and colleagues of theirs; return the four's staff ids by role."""
    ids = {one.role: staff.create(session, one.email, _PEOPLE[one.role], one.role, one.password, by=by) for one in made}
    create_colleagues(session, by=by)
    return ids


def create_colleagues(session: Session, *, by: Actor) -> dict[Role, list[int]]:
    """Make the colleagues, whose passwords nobody knows; return the staff ids of each role."""
    ids: dict[Role, list[int]] = {role: [] for role in Role}
    for number, (role, name) in enumerate(_COLLEAGUES, start=2):
        email = f"{role}{number}@demo.example"
        ids[role].append(staff.create(session, email, name, role, new_password(), by=by))
    return ids


def invite_somebody(session: Session, *, by: Actor) -> None:
    """Make an invitation that nobody has answered yet; its link is nowhere."""
    invited = staff_access.Invitation("new.colleague@demo.example", "Priya Raman", Role.AGENT)
    staff_access.invite(session, invited, link=lambda _token: None, by=by, key="demo-invitation")


def new_password() -> str:
    """Return four made-up words: easy to copy from a terminal, 53 bits to guess."""
    return "-".join("".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(2)) for _ in range(4))
