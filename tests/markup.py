"""Pages read fast: a tree of what was sent, where every element that is opened is closed, in order.

The rules of HTML are checked by a parser that knows all of them; it is slow, so it reads each kind of page once.
"""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, SubElement

import html5lib

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_read: set[tuple[object, ...]] = set()


class MarkupError(AssertionError):
    """What was sent is not well made."""


def read(html: str, *kind: object) -> Element:
    """Return the root of the page; the first of its `kind` is held against all rules of HTML.

    Raises:
        MarkupError: something is not closed, closed twice or named twice.
        ParseError: HTML does not know what was sent.
    """
    if kind not in _read:
        html5lib.HTMLParser(strict=True).parse(html)
        _read.add(kind)
    builder = _Builder()
    builder.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    builder.close()
    return builder.tree()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = [Element("")]
        self._newest: Element | None = None
        """The element that ended last: text goes after it."""

    def tree(self) -> Element:
        if len(self._open) != 1:
            raise MarkupError(f"<{self._open[-1].tag}> is never closed.")
        [root] = self._open[0]
        return root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._add(tag, attrs)
        if tag in _VOID:
            self._newest = element
        else:
            self._open.append(element)
            self._newest = None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._newest = self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1].tag != tag or len(self._open) == 1:
            raise MarkupError(f"</{tag}> ends <{self._open[-1].tag}>, line {self.getpos()[0]}.")
        self._newest = self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._newest is not None:
            self._newest.tail = (self._newest.tail or "") + data
            return
        inside = self._open[-1]
        if inside.tag in {"textarea", "pre"} and not inside.text:
            data = data.removeprefix("\n")
        inside.text = (inside.text or "") + data

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        names = [name for name, _value in attrs]
        if len(names) != len(set(names)):
            raise MarkupError(f"<{tag}> names an attribute twice, line {self.getpos()[0]}.")
        return SubElement(self._open[-1], tag, {name: value or "" for name, value in attrs})
