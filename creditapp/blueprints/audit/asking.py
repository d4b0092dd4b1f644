"""What the URL asks the audit log for, as far as it makes sense and this person may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from creditapp.blueprints.audit import words
from creditapp.queries import audit as queries
from creditapp.queries.audit import AuditFilter, Person
from creditapp.web import lists, urls
from creditapp.web.filters import day as in_words
from creditapp.web.panel import Panel

SYSTEM = "system"
YEARS = range(1970, 9000)
_TYPED_CHARS_MAX = 40
_LABELS = {"by": "Who", "user": "By user number", "object": "About", "number": "Its number", "what": "What"} | {
    "from": "From",
    "until": "Until",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """Whose acts this person sees, and who can be chosen among them."""

    people: tuple[Person, ...] | None
    """None: everybody's."""
    staff: dict[int, str]

    @property
    def is_all(self) -> bool:
        return self.people is None

    def choices(self) -> list[tuple[str, str]]:
        """Return who can be picked."""
        known = [(str(number), name) for number, name in self.staff.items()]
        return [("", "Anybody"), *([(SYSTEM, "The system")] if self.is_all else []), *known]


@dataclass(slots=True)
class Asked:
    """What the URL asks for, as far as it makes sense."""

    wanted: AuditFilter
    args: dict[str, str] = field(default_factory=dict)
    """The arguments that ask for this again."""
    said: dict[str, str] = field(default_factory=dict)
    """What each of them means, in words."""
    hints: list[str] = field(default_factory=list)
    """What was left out and why, in sentences."""

    @classmethod
    def read(cls, args: Mapping[str, str], seen: Seen, panel: Panel) -> Asked:
        """Read the URL's arguments; what makes no sense, and who is not to be seen, is left out and said."""
        asked = cls(AuditFilter(people=seen.people))
        asked._read_person(args, seen)
        asked._read_action(urls.text(args, "what"))
        asked._read_object(urls.text(args, "object"), urls.text(args, "number"))
        asked._read_days(args, panel)
        if args.get("entries") == "1":
            asked._take("entries", "1", "Entries, too", with_entries=True)
        return asked

    @property
    def is_filtered(self) -> bool:
        return bool(self.args.keys() - {"entries"})

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        gone = {"object": {"object": None, "number": None}}
        return [
            (said, lists.link(path, {**self.args, **gone.get(name, {name: None})})) for name, said in self.said.items()
        ]

    def _take(self, name: str, value: str, said: str, **columns: Any) -> None:  # noqa: ANN401  (of the columns' own types)
        self.wanted = replace(self.wanted, **columns)
        self.args[name] = value
        if said:
            self.said[name] = said

    def _leave(self, name: str, typed: str, why: str) -> None:
        self.hints.append(f"“{typed[:_TYPED_CHARS_MAX]}” {why} “{_LABELS[name]}” was left out.")

    def _read_person(self, args: Mapping[str, str], seen: Seen) -> None:
        by, user = urls.text(args, "by"), urls.text(args, "user")
        if by == SYSTEM and seen.is_all:
            self._take("by", by, "By the system", people=(Person("system"),))
        elif by and (urls.number(by) or 0) in seen.staff:
            number = urls.number(by) or 0
            self._take("by", str(number), f"By {seen.staff[number]}", people=(Person("staff", number),))
        elif by:
            self._leave("by", by, "is nobody whose acts you see.")
        if not user:
            return
        customer_id = urls.number(user)
        if customer_id is None or not seen.is_all:
            self._leave("user", user, "is no user whose acts you see.")
        elif "by" in self.args:
            self._leave("user", user, "cannot be asked for together with “Who”.")
        else:
            self._take("user", str(customer_id), f"By user #{customer_id}", people=(Person("customer", customer_id),))

    def _read_action(self, what: str) -> None:
        actions = words.actions_of(what) if what else ()
        if actions:
            said = dict(words.action_choices())[what] if what not in actions else words.action_words(what)
            self._take("what", what, said.removeprefix("– "), actions=actions)
        elif what:
            self._leave("what", what, "is no act.")

    def _read_object(self, kind: str, typed: str) -> None:
        number = urls.number(typed) if typed else None
        if typed and number is None:
            self._leave("number", typed, "is no number.")
        if not kind:
            if number is not None:
                self._leave("number", typed, "needs to be a number of something.")
            return
        if kind in words.ONLY_ONE or kind in words.UNNUMBERED:
            number = 1 if kind in words.ONLY_ONE else None
        elif kind not in words.NAMED:
            self._leave("object", kind, "is nothing that acts are about.")
            return
        elif number is None:
            self.hints.append(f"Which one? Write the number of the {words.NAMED[kind].lower()} beside it.")
            self.args["object"] = kind
            return
        self._take("object", kind, words.object_words(kind, number), object_kind=kind, object_id=number)
        if kind in words.NAMED:
            self.args["number"] = str(number)

    def _read_days(self, args: Mapping[str, str], panel: Panel) -> None:
        for name, column, later in (("from", "since", 0), ("until", "until", 1)):
            typed = urls.text(args, name)
            value = urls.day(typed)
            if value is not None and value.year in YEARS:
                moment = _midnight(value + timedelta(days=later), panel)
                self._take(name, value.isoformat(), f"{_LABELS[name]} {in_words(value)}", **{column: moment})
            elif typed:
                self._leave(name, typed, "is no date; write it like 2026-03-14.")


def read_seen(session: Session, staff_id: int, role: str, *, everybody: bool) -> Seen:
    """Return whose acts this person sees."""
    people = None if everybody else queries.seen_by(session, staff_id, role)
    everyone = {row.id: row.name for row in session.execute(queries.select_staff())}
    staff = everyone if people is None else {one.id: everyone[one.id] for one in people if one.id is not None}
    return Seen(people, staff)


def _midnight(day: date, panel: Panel) -> datetime:
    return datetime.combine(day, time(), panel.zone).astimezone(UTC)
