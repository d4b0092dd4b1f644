"""Where the page is: what its URL says about both lists, and links that change one thing and keep the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditapp.queries.search import typed_text
from creditapp.web.lists import link

RECENT = ("q", "reason", "by", "kind", "when", "from", "to", "quiet", "sort", "after", "before")
BALANCES = ("b_q", "b_show", "b_sort", "b_after", "b_before")
ROWS = 20
"""There are two lists on the page: neither may push the other out of sight."""
CURSORS = {"after", "before", "b_after", "b_before"}
_CURSOR_CHARS_MAX = 2000


class Place:
    """The page's arguments: the first of each that is known, as it was typed."""

    def __init__(self, path: str, args: Mapping[str, str]) -> None:
        self.path = path
        self.args = {name: self._read(name, args[name]) for name in (*RECENT, *BALANCES, "on") if name in args}

    @staticmethod
    def _read(name: str, value: str) -> str:
        return value[:_CURSOR_CHARS_MAX] if name in CURSORS else typed_text(value)

    def get(self, name: str) -> str:
        """Return the argument; empty when it is not there."""
        return self.args.get(name, "")

    def forget(self, name: str) -> None:
        """Leave the argument out of all links: it makes no sense."""
        self.args.pop(name, None)

    def url(self, anchor: str = "", **changes: Any) -> str:  # noqa: ANN401  (whatever can stand in a URL)
        """Return the page with these changes."""
        return link(self.path, {**self.args, **changes}, anchor)

    def fresh(self, anchor: str, **changes: Any) -> str:  # noqa: ANN401  (whatever can stand in a URL)
        """Return the page with nothing but these arguments for the recent adjustments."""
        kept = {name: value for name, value in self.args.items() if name not in RECENT}
        return link(self.path, {**kept, **changes}, anchor)

    def hidden(self, own: tuple[str, ...], *also: str) -> list[tuple[str, str]]:
        """Return what a filter form has to carry along: the other list's arguments, and some of its own."""
        return [(name, value) for name, value in self.args.items() if value and (name not in own or name in also)]
