"""The list of promo codes: what the URL asks for, and the page, chips and links that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from creditapp.db import db
from creditapp.models import PromoCode
from creditapp.queries import promos
from creditapp.queries.promos import PromoFilter, State
from creditapp.queries.search import typed_text
from creditapp.web import lists
from creditapp.web.lists import Column, Page, Sort

COLUMNS = (
    Column("Code"),
    Column("State"),
    Column("Valid"),
    Column("Granted"),
    Column("Used", numeric=True),
    Column("Brings", numeric=True),
)
STATE_CHOICES = [("", "Any"), *((str(one), one.label) for one in State)]


def _key(values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(values[0], str) or "\x00" in values[0]:
        raise ValueError("no code")
    values[0].encode()
    return values


_BY_CODE = Sort((PromoCode.__table__.c.code_key,), read=_key)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for, as understood."""

    wanted: PromoFilter

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is as if it were not there."""
        state = next((one for one in State if one == args.get("state", "")), None)
        return cls(PromoFilter(text=typed_text(args.get("q", "")), state=state))

    @property
    def args(self) -> dict[str, str | None]:
        """The arguments that ask for this again, in their canonical form."""
        return {"q": self.wanted.text, "state": self.wanted.state and str(self.wanted.state)}

    @property
    def is_filtered(self) -> bool:
        return self.wanted != PromoFilter()

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        said = [(f"“{self.wanted.text}”", "q", self.wanted.text)]
        if self.wanted.state:
            said.append((self.wanted.state.label, "state", str(self.wanted.state)))
        return [(words, lists.link(path, {**self.args, name: None})) for words, name, is_set in said if is_set]


def read_page(asked: Asked, args: Mapping[str, str], path: str, today: date) -> Page:
    """Return the page of codes the URL asks for."""
    session = db.session()
    cursor = lists.read_cursor(args, _BY_CODE)
    found = session.execute(lists.select_page(promos.select_list(asked.wanted, today), _BY_CODE, cursor)).all()
    return lists.make_page(
        found,
        cursor,
        key_of=lambda row: (row.code_key,),
        url=lambda **place: lists.link(path, {**asked.args, **place}),
        noun="codes",
        total=lists.counted(promos.count(session, asked.wanted, today, most=lists.COUNT_MAX)),
    )
