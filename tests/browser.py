"""A person in front of the application: opens pages, reads them, fills in forms. Every page that is opened is checked.

`Browser` stands on Flask's test client; it has no script, as nobody needs one. `Page` is read by what a person sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

from flask import Flask
from werkzeug.test import TestResponse

from tests.markup import read

REDIRECTS_MAX = 5
_DIGITS = re.compile(r"[0-9]+")
_BOXES = {"input", "select", "textarea"}
_BLOCKS = {"br", "dd", "div", "dt", "h1", "h2", "h3", "label", "li", "option", "p", "td", "th", "tr"}
_UNLABELLED = {"hidden", "submit", "button", "image", "reset"}
_POINTERS = (
    *("aria-describedby", "aria-labelledby", "aria-controls", "popovertarget"),
    *("data-fill-for", "data-note-for", "data-line-for"),
)


class Person(Protocol):
    """Who can sign in."""

    @property
    def email(self) -> str: ...

    @property
    def password(self) -> str: ...


class Browser:
    """One browser with its cookies."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def sign_in(self, person: Person) -> Page:
        """Sign in, and return the page that comes first."""
        page = self.submit("/sign-in", email=person.email, password=person.password)
        assert page.path != "/sign-in", page.text
        return page

    def enter(self, client: Person) -> Page:
        """Sign in to the client area, and return the page that comes first."""
        page = self.submit("/account/sign-in", email=client.email, password=client.password)
        assert page.path == "/account", page.text
        return page

    def sign_out(self) -> Page:
        return self.submit("/admin/users", form="/sign-out")

    def open(self, url: str) -> Page:
        """Open the URL, follow where it leads, and check the page."""
        return self._follow(self.client.get(url), url)

    def get(self, url: str) -> TestResponse:
        """Return the answer as it is: a redirect, a file."""
        return self.client.get(url)

    def post(self, url: str, fields: Any = None) -> Page:  # noqa: ANN401  (what the test client takes)
        """Send fields without opening a form first, as a program would."""
        return self._follow(self.client.post(url, data=fields or {}), url)

    def submit(self, place: Page | str, /, form: str | None = None, **fields: Any) -> Page:  # noqa: ANN401
        """Open the page, fill in the form and send it, with whatever the page had put into it.

        `form` is the form's action or the words on one of its buttons; without it, the form that has these fields. A
        value of None leaves the box out, True and False tick it or not, a list sends the field several times, a pair of
        a stream and a name sends a file.
        """
        page = self.open(place) if isinstance(place, str) else place
        chosen = page.form(form, set(fields))
        sent = chosen.filled(fields)
        if chosen.method == "get":
            return self._follow(self.client.get(chosen.action, query_string=sent), chosen.action)
        return self._follow(self.client.post(chosen.action, data=sent), chosen.action)

    def _follow(self, response: TestResponse, url: str) -> Page:
        for _ in range(REDIRECTS_MAX):
            if response.status_code not in {301, 302, 303, 307, 308}:
                break
            url = urljoin(url, response.headers["Location"])
            response = self.client.get(url)
        return Page(response, url)


@dataclass
class FormOnPage:
    """One form as the page holds it."""

    action: str
    method: str
    values: list[tuple[str, str]]
    names: set[str]
    buttons: dict[str, tuple[str, str] | None]
    ticks: dict[str, str] = field(default_factory=dict)
    """What a tick box sends when it is ticked."""
    button: str | None = None
    """The button that is pressed."""

    def filled(self, fields: dict[str, Any]) -> dict[str, list[Any]]:
        """Return what the browser sends with these boxes filled in."""
        unknown = fields.keys() - self.names
        assert not unknown, f"The form {self.action} has no {sorted(unknown)}, only {sorted(self.names)}."
        sent: dict[str, list[Any]] = {}
        for name, value in self.values:
            sent.setdefault(name, []).append(value)
        pressed = self.buttons.get(self.button) if self.button else None
        if pressed:
            sent[pressed[0]] = [pressed[1]]
        for name, value in fields.items():
            if value is None or value is False:
                sent.pop(name, None)
            elif value is True:
                sent[name] = [self.ticks.get(name, "y")]
            elif isinstance(value, tuple):
                sent[name] = [value]
            else:
                sent[name] = [str(one) for one in value] if isinstance(value, list) else [str(value)]
        return sent


class Page:
    """What came back, checked and read as a person reads it."""

    def __init__(self, response: TestResponse, url: str) -> None:
        self.response = response
        self.url = url
        self.path = urlsplit(url).path
        self.status = response.status_code
        self.html = response.get_data(as_text=True)
        assert response.mimetype == "text/html", f"{url} is {response.mimetype}, not a page."
        self.root: Element = read(self.html, _DIGITS.sub("N", self.path), self.status)
        _check(self)

    def __repr__(self) -> str:
        return f"<Page {self.status} {self.url}: {self.heading}>"

    @cached_property
    def main(self) -> Element:
        """The content without menu and head line."""
        return next(self.root.iter("main"))

    @cached_property
    def text(self) -> str:
        """All words of the content."""
        return _text(self.main)

    @property
    def title(self) -> str:
        return _text(next(self.root.iter("title")))

    @property
    def heading(self) -> str:
        return _text(next(self.root.iter("h1")))

    @property
    def headings(self) -> list[str]:
        """The titles of the page's parts."""
        return [_text(one) for one in self.main.iter("h2")]

    @property
    def flashes(self) -> list[str]:
        """What the page says about what has just been done, buttons left out."""
        return [_text(p) for one in _with_class(self.root, "flash") for p in one.findall("p")]

    @property
    def summary(self) -> list[str]:
        """The problems listed at the top."""
        return [_text(item) for box in _with_class(self.root, "summary") for item in box.iter("li")]

    def rows(self, table: str) -> list[list[str]]:
        """Return the words of each cell of the table's body; none when there is no such table."""
        found = self.find(f"{table}-table")
        found = self.find(table) if found is None else found
        if found is None:
            return []
        return [
            [_text(cell) for cell in row if cell.tag in {"td", "th"}]
            for body in found.iter("tbody")
            for row in body.iter("tr")
        ]

    def columns(self, table: str) -> list[str]:
        """Return the heads of the table's columns."""
        found = self.find(f"{table}-table")
        return [] if found is None else [_text(head) for head in next(found.iter("thead")).iter("th")]

    def errors(self, name: str) -> list[str]:
        """Return what stands beside this box."""
        ids = [box.get("id") for box in self.boxes(name)]
        ids += [one.rpartition("-")[0] for one in ids if one]  # a group of radios has one message for all
        found = (self.find(f"{one}-error") for one in dict.fromkeys(ids))
        return [_text(error) for error in found if error is not None]

    def boxes(self, name: str) -> list[Element]:
        """Return the boxes of the content that carry this name."""
        return [box for box in self.main.iter() if box.tag in _BOXES and box.get("name") == name]

    def value(self, name: str) -> str | None:
        """Return what the box holds; the chosen value of a list or of radios; None when nothing is chosen."""
        boxes = self.boxes(name)
        assert boxes, f"{self.url} has no box {name}."
        values = [value for box in boxes for value in _values(box)]
        return values[0] if values else None

    def options(self, name: str) -> dict[str, str]:
        """Return the choices of a list by value."""
        return {one.get("value") or "": _text(one) for box in self.boxes(name) for one in box.iter("option")}

    @property
    def links(self) -> dict[str, str]:
        """Where the links of the content lead, by their words."""
        return {_text(a) or a.get("aria-label", ""): a.get("href", "") for a in self.main.iter("a")}

    def link(self, words: str, *, among: str | None = None) -> str:
        """Return where the link with these words leads; `among`: the name of the group of links it is in."""
        links = self.links
        if among is not None:
            [group] = [one for one in self.main.iter("nav") if one.get("aria-label") == among]
            links = {_text(a): a.get("href", "") for a in group.iter("a")}
        assert words in links, f"{self.url} has no link “{words}”, only {sorted(links)}."
        return links[words]

    @property
    def buttons(self) -> list[str]:
        """The words on the buttons of the content, links that look like buttons included."""
        drawn = [one for one in self.main.iter() if one.tag == "button" or "btn" in one.get("class", "").split()]
        return [_text(one) or one.get("aria-label", "") for one in drawn]

    @property
    def forms(self) -> list[FormOnPage]:
        return [_form(one, self.url) for one in self.root.iter("form")]

    def form(self, wanted: str | None = None, names: set[str] | None = None) -> FormOnPage:
        """Return the form with this action or button; without either, the one that has all these boxes."""
        if wanted is None:
            inner = [_form(one, self.url) for one in self.main.iter("form")]
            fitting = [one for one in inner if names and names <= one.names] or inner[:1]
            assert fitting, f"{self.url} has no form with {sorted(names or ())}."
            return fitting[0]
        for one in self.forms:
            if wanted in {one.action, urlsplit(one.action).path}:
                return one
            if wanted in one.buttons:
                one.button = wanted
                return one
        known = [(one.action, list(one.buttons)) for one in self.forms]
        raise AssertionError(f"{self.url} has no form “{wanted}”, only {known}.")

    def find(self, element_id: str) -> Element | None:
        """Return the element with this id."""
        return next((one for one in self.root.iter() if one.get("id") == element_id), None)

    def words(self, element_id: str) -> str:
        """Return what stands in the element with this id."""
        found = self.find(element_id)
        assert found is not None, f"{self.url} has no #{element_id}."
        return _text(found)


def _check(page: Page) -> None:
    """Every page, whatever it is about, is well made."""
    problems = [*_structure(page), *_names(page), *_policy(page)]
    assert not problems, f"{page.url} ({page.status}): {problems}"


def _structure(page: Page) -> Iterator[str]:
    if len([one for one in page.root.iter("h1") if _text(one)]) != 1:
        yield "not exactly one h1"
    if not page.title:
        yield "no title"
    if len(list(page.root.iter("main"))) != 1:
        yield "not exactly one main"
    ids = [one.get("id") for one in page.root.iter() if one.get("id") is not None]
    yield from (f"id {one!r} {ids.count(one)} times" for one in sorted(set(map(str, ids))) if ids.count(one) > 1)
    for one in page.root.iter():
        for pointer in _POINTERS:
            yield from (
                f"{pointer}={word} leads nowhere" for word in (one.get(pointer) or "").split() if word not in ids
            )
        href = one.get("href") or "" if one.tag == "a" else ""
        if href.startswith("#") and href != "#" and href[1:] not in ids:
            yield f"{href} leads nowhere"


def _names(page: Page) -> Iterator[str]:
    """Boxes, buttons and links say what they are."""
    labelled = {label.get("for") for label in page.root.iter("label")}
    wrapped = {box for label in page.root.iter("label") for box in label.iter()}
    for one in page.root.iter():
        named = one.get("aria-label") or one.get("aria-labelledby")
        if one.tag in _BOXES and one.get("type") not in _UNLABELLED:
            if not (named or one in wrapped or one.get("id") in labelled):
                yield f"box {one.get('name')} has no label"
        elif one.tag in {"button", "a"} and not (named or _text(one)):
            yield f"a {one.tag} without words"
        if one.tag == "form" and one.get("method", "get").lower() == "post":
            names = {box.get("name") for box in one.iter("input")}
            if "csrf_token" not in names:
                yield f"the form {one.get('action')} has no token"


def _policy(page: Page) -> Iterator[str]:
    """Nothing inline, and the headers that forbid it."""
    for one in page.root.iter():
        if one.tag == "style" or (one.tag == "script" and (not one.get("src") or _text(one))):
            yield f"an inline {one.tag}"
        yield from (f"{name} on a {one.tag}" for name in one.keys() if name == "style" or name.startswith("on"))  # noqa: SIM118  (an element is no mapping)
        if (one.get("href") or one.get("action") or "").strip().lower().startswith(("javascript:", "data:")):
            yield f"a {one.tag} that runs a script"
    headers = page.response.headers
    if "script-src 'self'" not in headers.get("Content-Security-Policy", ""):
        yield "no content security policy"
    if "no-store" not in headers.get("Cache-Control", ""):
        yield "kept by caches"


def _text(element: Element) -> str:
    """Return the words as they are read: what stands on a line of its own is apart."""
    return " ".join("".join(_pieces(element)).split())


def _pieces(element: Element) -> Iterator[str]:
    yield element.text or ""
    for inner in element:
        gap = " " if inner.tag in _BLOCKS else ""
        yield gap
        yield from _pieces(inner)
        yield gap + (inner.tail or "")


def _with_class(root: Element, name: str) -> list[Element]:
    return [one for one in root.iter() if name in (one.get("class") or "").split()]


def _values(box: Element) -> list[str]:
    """Return what the box would send."""
    if box.tag == "textarea":
        return [box.text or ""]
    if box.tag == "select":
        options = list(box.iter("option"))
        chosen = [one for one in options if one.get("selected") is not None]
        if not chosen and box.get("multiple") is None:
            chosen = options[:1]
        return [one.get("value", _text(one)) for one in chosen]
    if box.get("type") in {"checkbox", "radio"}:
        return [box.get("value", "on")] if box.get("checked") is not None else []
    return [box.get("value", "")]


def _form(element: Element, url: str) -> FormOnPage:
    boxes = [one for one in element.iter() if one.tag in _BOXES and one.get("name")]
    boxes = [one for one in boxes if one.get("disabled") is None]
    buttons: dict[str, tuple[str, str] | None] = {}
    for one in element.iter("button"):
        if one.get("type", "submit") == "submit":
            name = one.get("name")
            buttons[_text(one) or one.get("aria-label", "")] = (name, one.get("value", "")) if name else None
    return FormOnPage(
        action=urljoin(url, element.get("action") or url),
        method=element.get("method", "get").lower(),
        values=[(box.get("name", ""), value) for box in boxes if box.get("type") != "file" for value in _values(box)],
        names={box.get("name", "") for box in boxes},
        buttons=buttons,
        ticks={box.get("name", ""): box.get("value", "on") for box in boxes if box.get("type") == "checkbox"},
    )
