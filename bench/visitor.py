"""Somebody with a browser: signs in, opens pages, fills in forms; in this process or through a web server."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from bench.seed import EMAIL, PASSWORD
from bench.stage import LEDGER_KEY, SECRET_KEY, Database
from creditapp.config import ROOT

START_SECONDS = 30
FORM_TYPE = "application/x-www-form-urlencoded"


class Wire(Protocol):
    """How a request gets to the application, and what comes back: status, headers, body."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]: ...


class InProcess:
    """Straight into the WSGI application."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answer one request."""
        environ = create_environ(url, method=method, headers=headers, data=body or None)
        chunks, status, answered = run_wsgi_app(self._app.wsgi_app, environ, buffered=True)
        return int(status[:3]), list(answered), b"".join(chunks)


class OverHttp:
    """To a web server on this machine, each request on a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send one request and wait for its answer."""
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            connection.request(method, url, body or None, dict(headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


class Visitor:
    """One browser with its cookies."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cookies: dict[str, str] = {}

    def get(self, url: str) -> str:
        """Open a page.

        Raises:
            RuntimeError: it is not there, or leads elsewhere.
        """
        status, body = self._send("GET", url, {})
        if status != 200:
            raise RuntimeError(f"{url} answered {status}.")
        return body

    def post(self, url: str, fields: Mapping[str, str]) -> None:
        """Send a form.

        Raises:
            RuntimeError: it was not accepted.
        """
        status, _body = self._send("POST", url, fields)
        if status != 302:
            raise RuntimeError(f"{url} answered {status}.")

    def form(self, url: str, action: str, **fields: str) -> dict[str, str]:
        """Open a page and fill in the form that goes to `action`."""
        reader = _FormReader(action)
        reader.feed(self.get(url))
        return {**reader.fields, **fields}

    def sign_in(self) -> None:
        """Sign in as the one who has made all entries."""
        self.post("/sign-in", self.form("/sign-in", "/sign-in", email=EMAIL, password=PASSWORD))

    def _send(self, method: str, url: str, fields: Mapping[str, str]) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if method == "POST":
            headers["Content-Type"] = FORM_TYPE
        status, answered, body = self._wire.send(method, url, headers, urlencode(fields).encode())
        for name, value in answered:
            if name.lower() == "set-cookie":
                self._cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        return status, body.decode()


def visit(app: Flask) -> Visitor:
    """Return somebody signed in to the application in this process."""
    visitor = Visitor(InProcess(app))
    visitor.sign_in()
    return visitor


@contextmanager
def served(database: Database) -> Iterator[Visitor]:
    """Run gunicorn with one worker on the database, and yield somebody signed in to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", address, "--workers", "1", "--log-level", "warning", "app:app"],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": database.url,
            "CREDITAPP_INSTANCE": str(database.folder),
            "CREDITAPP_SECRET_KEY": SECRET_KEY,
            "CREDITAPP_LEDGER_KEY": LEDGER_KEY,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_healthy(address, server)
        visitor = Visitor(OverHttp(address))
        visitor.sign_in()
        yield visitor
    finally:
        server.terminate()
        server.wait()


def _wait_until_healthy(address: str, server: subprocess.Popen[Any]) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < give_up_at:
        try:
            if OverHttp(address).send("GET", "/healthz", {}, b"")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("The web server does not start.")


class _FormReader(HTMLParser):
    """What a browser would send of one form, if nobody touched it."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._action = action
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            self._inside = urlsplit(given.get("action") or "").path == self._action
        elif not self._inside:
            return
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = value
        elif tag == "textarea" or (tag == "input" and name and _is_sent(given)):
            self.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def _is_sent(given: Mapping[str, str | None]) -> bool:
    return given.get("type") not in {"radio", "checkbox"} or "checked" in given
