"""Requests that nobody should send: every route, any method, and values that break what is not ready for them."""

from __future__ import annotations

import io
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

from flask import Flask

from creditapp.web.throttle import limiter
from tests.browser import Browser, Page
from tests.factories import Client, make_client, make_product, make_staff, reason_named
from tests.test_permissions import TYPED, addresses

METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
TEN_MEGABYTES = b"x" * 10_000_000
VALUES: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"\x00",
        b"a\x00b",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc3(",
        b"\xe2\x80\xaeevil",
        b"\xf0\x9f\x91\x8b" * 300,
    ),
    *("e\u0301".encode() * 500, "\u200b\u2066\uffff".encode(), "\uff11\uff12".encode(), "\u0661".encode(), b"x" * 9000),
    *(b"NaN", b"sNaN", b"Infinity", b"-0", b"1e400", b"1e1000000", b"1_000", b"0x10", b"9" * 400, b"-1", b"+1", b"1,5"),
    *(
        b"1.005",
        b"99999999999.99",
        b"0",
        b"2147483648",
        b"9007199254740993",
        b"9223372036854775808",
        b"-9223372036854775809",
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"[[[[",
        b'{"a":',
        b"y",
        b"on",
        b"1",
        b"2",
        b"up 1",
        b"down 999999999999999999999",
    ),
    *(
        b"'; DROP TABLE customers; --",
        b"' OR 1=1 --",
        b"%",
        b"_",
        b"\\",
        b"<script>alert(1)</script>",
        b"{{7*7}}",
        b"%s%n",
    ),
    *(b"../../etc/passwd", b"//evil.example", b"/\t/evil.example", b"javascript:alert(1)", b"a\r\nSet-Cookie: x=y"),
    *(b"2026-02-30", b"0000-00-00", b"0001-01-01", b"9999-12-31", b"10000-01-01", b"1970-01-01T00:00:00Z", b"99:99"),
    *(
        b"2026-03-29T02:30",
        b"-99999999999h",
        b"9" * 30 + b"h",
        b"1h1h1h",
        b"=1+1",
        b"@SUM(1)",
        b"a@b",
        b"a@" + b"b" * 300,
    ),
    *(b"WyJhIiwx", b"W10", b"WzFlOTk5XQ", b"Wy0xLC0xLC0xLC0xXQ", b"WzksOSw5LDld", b"CR-1-99999999999999999999", b"#0"),
    *(
        b"Europe/Nowhere",
        b"/etc/localtime",
        b"XXX",
        b"admin",
        b"\xc4\xb0\xc4\xb1",
        b"None",
        b"undefined",
        b"\x1b[31mred",
    ),
)
NUMBERS = (
    "0",
    "-1",
    "00",
    "1e3",
    "2147483648",
    "9007199254740992",
    "9007199254740993",
    "9" * 30,
    "abc",
    "%00",
    "%ff",
    "..",
    "1%2f1",
)
CONTENT_TYPES = (
    "application/json",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "",
    "a" * 300,
)
FILES: tuple[bytes, ...] = (
    *(
        b"",
        b"\x00",
        b"\xff\xfea\x00,\x00",
        b"PK\x03\x04zip",
        b'"' * 5000,
        b"a,b,c\n" * 200,
        b"\r\n\r\n",
        b"x" * 200_000,
    ),
    b"external_id,name,company,email,opening_balance,joined_on\nP,\x00,,a@b.example,1e9999,2024-02-30\n",
    "external_id,name,email,opening_balance,joined_on\nP\u2028,Ana,a@b,1,9999-99-99".encode("utf-16"),
    b"customer,amount,reason\n1,sNaN,Courtesy\n99999999999999999999,1,\n\xed\xa0\x80,,\n",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {},
    {},
    {"Cookie": "session=garbage; account=\xff; =; ;;"},
    {"Accept-Language": "x" * 5000, "Accept": "*/*;q=NaN"},
    {"If-None-Match": '"\\', "If-Modified-Since": "yesterday", "Range": "bytes=9-1"},
    {"Authorization": "Basic \xff", "X-Forwarded-For": "1.2.3.4, <script>", "Forwarded": "for=;;"},
    {"Host": "evil.example", "Origin": "null", "Referer": "javascript:alert(1)"},
    {"HX-Request": "true", "HX-Target": "\xe9", "X-HTTP-Method-Override": "DELETE"},
    {"Stripe-Signature": "t=NaN,v1=\xff", "Sandbox-Signature": "t=1e999,v1=zz"},
    {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"},
)
ARGUMENTS = (
    *(
        "q",
        "after",
        "before",
        "sort",
        "from",
        "to",
        "until",
        "status",
        "kind",
        "method",
        "customer",
        "reason",
        "by",
        "when",
    ),
    *(
        "draft",
        "next",
        "b_q",
        "b_after",
        "b_sort",
        "b_show",
        "on",
        "min",
        "max",
        "credit",
        "folded",
        "show",
        "page",
        "what",
    ),
    *("object", "number", "user", "entries", "subscription", "invoice", "code", "token", "ref", "other", "keep"),
)
BROKEN_OFF = 599
INSIDE = ("/admin/users/new", "/account/profile")
"""A page with a form at each door."""
_DIGITS = re.compile(r"(?<=/)\d+(?=/|$|\.)")


@dataclass
class Sent:
    """One request, as it can be said again."""

    method: str
    url: str
    options: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.url[:300]} {str(self.options)[:700]}"


@dataclass
class Troublemaker:
    """Somebody with every permission, at both doors, who sends nonsense; the same seed makes the same nonsense."""

    app: Flask
    seed: int
    dice: random.Random = field(init=False)
    browser: Browser = field(init=False)
    client: Client = field(init=False)
    known: dict[str, str] = field(init=False)
    urls: dict[str, str] = field(init=False)
    token: str = ""
    client_token: str = ""
    answers: Counter[int] = field(default_factory=Counter)
    """How many requests were answered in which way."""

    def __post_init__(self) -> None:
        """Sign in at both doors, and find a customer of whom there is a bit of everything."""
        self.dice = random.Random(self.seed)
        self.client = make_client(5000)
        self.urls = addresses(self.app, customer_id=self.client.id)
        self.urls.pop("static")
        self._come_back(anew=True)
        self.known = {"reason": str(reason_named("Courtesy")), "product": str(make_product())}

    def cause_trouble(self, count: int) -> list[str]:
        """Send so many requests, route by route, and return those that were answered with a fault."""
        faults: list[str] = []
        for number in range(count):
            if number % 20 == 0:
                self._come_back()
            sent = self._request(list(self.urls)[number % len(self.urls)])
            status = self._send(sent)
            self.answers[status] += 1
            if status >= 500:
                faults.append(f"{status} {sent}")
        return faults

    def _come_back(self, *, anew: bool = False) -> None:
        """Sign in again at both doors where that is needed: some of the nonsense signs people out."""
        limiter.reset()
        if not anew and all(self.browser.client.get(url).status_code == 200 for url in INSIDE):
            return
        self.browser = Browser(self.app)
        self.browser.sign_in(make_staff())
        if not anew:
            self.client = make_client()
        self.browser.enter(self.client)
        self.token, self.client_token = (self._token_on(url) for url in INSIDE)

    def _token_on(self, url: str) -> str:
        return next(
            value for form in self.browser.open(url).forms for name, value in form.values if name == "csrf_token"
        )

    @cached_property
    def forms(self) -> dict[str, list[dict[str, list[str]]]]:
        """What the forms of all pages would send, by where they send it."""
        found: dict[str, list[dict[str, list[str]]]] = {}
        for url in dict.fromkeys(self.urls.values()):
            answer = self.browser.client.get(url)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            for form in Page(answer, url).forms:
                fields = {name: [value for key, value in form.values if key == name] for name in sorted(form.names)}
                found.setdefault(urlsplit(form.action).path, []).append(fields)
        return found

    def _request(self, endpoint: str) -> Sent:
        dice, url = self.dice, self.urls[endpoint]
        own = [
            name
            for rule in self.app.url_map.iter_rules(endpoint)
            for name in sorted(rule.methods or ())
            if name in METHODS[:2]
        ]
        method = dice.choice([*own, "POST"] if "POST" in own else own) if dice.random() < 0.9 else dice.choice(METHODS)
        options: dict[str, Any] = {"headers": dict(dice.choice(HEADERS))}
        path = _DIGITS.sub(lambda _: dice.choice(NUMBERS), url) if dice.random() < 0.15 else url
        if dice.random() < 0.5:
            path += "?" + "&".join(self._argument() for _ in range(dice.randint(1, 4)))
        if method not in {"GET", "HEAD", "OPTIONS"}:
            self._fill(options, url)
        return Sent(method, path, options)

    def _argument(self) -> str:
        return f"{self.dice.choice(ARGUMENTS)}={quote_from_bytes(self.dice.choice(VALUES))}"

    def _fill(self, options: dict[str, Any], url: str) -> None:
        """Give the request a body: mostly the page's own form with a few boxes spoiled."""
        dice, way = self.dice, self.dice.random()
        fields = self._spoiled(url)
        if way < 0.7:
            pairs = [f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in fields]
            options |= {"data": "&".join(pairs).encode(), "content_type": "application/x-www-form-urlencoded"}
        elif way < 0.85:
            options |= {"data": self._multipart(fields), "content_type": "multipart/form-data; boundary=BOUNDARY"}
        elif way < 0.93:
            facts = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
            body = dice.choice(
                [json.dumps(facts), json.dumps([facts]), '{"id":"\\ud800","type":1e999}', "[" * 5000, "nul"]
            )
            options |= {"data": body.encode(), "content_type": "application/json"}
        elif way < 0.99:
            options |= {"data": b"&".join(dice.choices(VALUES, k=5)), "content_type": dice.choice(CONTENT_TYPES)}
        else:
            options |= {"data": TEN_MEGABYTES, "content_type": "application/x-www-form-urlencoded"}

    def _spoiled(self, url: str) -> list[tuple[bytes, bytes]]:
        dice = self.dice
        fields: dict[str, list[str]] = {}
        if self.forms.get(url):
            fields = dict(dice.choice(self.forms[url]))
        fields = {name: fields[name] or [""] for name in fields}
        fields |= {name: [value] for name, value in {**TYPED, **self.known}.items() if name in fields}
        pairs = [(name.encode(), value.encode()) for name, values in fields.items() for value in values]
        if dice.random() < 0.9:
            token = self.client_token if url.startswith("/account") else self.token
            pairs = [(name, value) for name, value in pairs if name != b"csrf_token"] + [
                (b"csrf_token", token.encode())
            ]
        for _ in range(dice.randint(1, 3)):
            spot = dice.randrange(len(pairs) + 1)
            name = (
                pairs[spot][0]
                if spot < len(pairs)
                else dice.choice([b"amount", b"id", b"customer_id", b"x[]", b"\xff"])
            )
            if name == b"csrf_token" and dice.random() < 0.8:
                continue
            if spot < len(pairs) and dice.random() < 0.8:
                pairs[spot] = (name, dice.choice(VALUES))
            elif spot < len(pairs) and dice.random() < 0.5:
                del pairs[spot]
            else:
                pairs.append((name, dice.choice(VALUES)))
        return pairs

    def _multipart(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        """Return the fields as parts; a few of them as files, and some cut short."""
        dice, body = self.dice, io.BytesIO()
        for name, value in fields:
            is_file = name in {b"file", b"csv"} or dice.random() < 0.1
            filename = (
                b'; filename="' + dice.choice([b"a.csv", b"../../x", b"\xff\x00.csv", b""]) + b'"' if is_file else b""
            )
            head = b'--BOUNDARY\r\nContent-Disposition: form-data; name="' + name + b'"' + filename + b"\r\n\r\n"
            body.write(head + (dice.choice(FILES) if is_file else value) + b"\r\n")
        whole = body.getvalue() + b"--BOUNDARY--\r\n"
        return whole if dice.random() < 0.8 else whole[: dice.randrange(len(whole))]

    def _send(self, sent: Sent) -> int:
        """Send the request and return the status; a file that breaks off in the middle is a fault as well."""
        try:
            return self.browser.client.open(sent.url, method=sent.method, **sent.options).status_code
        except Exception as error:  # noqa: BLE001  (whatever it is)
            sys.stderr.write(f"{sent}\n{error!r}\n")
            return BROKEN_OFF
