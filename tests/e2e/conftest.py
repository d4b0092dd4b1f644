"""A real Chromium in front of the application, served over HTTP on a free port."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import make_server

from tests.factories import StaffMember

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK, PHONE = 1440, 390
Scheme = Literal["light", "dark"]
AXE = Axe()


class Visitor:
    """A person at a screen: opens pages, signs in, and notices when something is wrong with a page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, staff: StaffMember) -> Page:
        """Send what the form sends (test_sign_in.py fills it in), and open the page that comes first."""
        request, url = self.page.context.request, f"{self.url}/sign-in"
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', request.get(url).text())
        assert token is not None
        fields = {"csrf_token": token[1], "email": staff.email, "password": staff.password}
        answer = request.post(url, form=fields, max_redirects=0)
        assert answer.headers["location"].startswith("/admin/"), answer.status_text
        return self.open(answer.headers["location"])

    def is_accessible(self) -> None:
        found = AXE.run(self.page)
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"

    def fits(self) -> None:
        """Nothing makes the page scroll sideways."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{self.page.url} is {wide} px too wide"


VisitorMaker = Callable[..., Visitor]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    path = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium")
    if path is None:
        pytest.fail("No Chromium: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def new_visitor(chromium: Chromium, address: str) -> Iterator[VisitorMaker]:
    """Make a person at a screen of this width; whatever the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(width: int = DESK, scheme: Scheme = "light", *, script: bool = True) -> Visitor:
        options: dict[str, Any] = {
            "viewport": {"width": width, "height": 900},
            "color_scheme": scheme,
            "java_script_enabled": script,
            "locale": "en-US",
            "timezone_id": "UTC",
            "reduced_motion": "reduce",
        }
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        return Visitor(page, address)

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def visitor(new_visitor: VisitorMaker) -> Visitor:
    return new_visitor()


def _complaint(message: ConsoleMessage) -> list[str]:
    """Return what is an error; that a page which was asked for is missing, or a form refused, is none."""
    page = message.page
    own_answer = page is not None and message.location["url"] == page.url and "status of 4" in message.text
    return [message.text] if message.type == "error" and not own_answer else []
