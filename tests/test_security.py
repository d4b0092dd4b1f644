"""The security checklist where it is about every route at once; docs/security.md says where the rest is held."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_limiter.util import get_qualified_name
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp import create_app
from creditapp.config import Config, ConfigError
from creditapp.db import db, transact
from creditapp.models import CreditEntry, Customer, Role
from creditapp.services import verification
from creditapp.web import lists
from creditapp.web.throttle import limiter
from tests.bad_inputs import Troublemaker
from tests.browser import Browser
from tests.conftest import Databases
from tests.factories import give, make_client, make_customer, make_staff
from tests.services.tampering import lift_guards
from tests.test_permissions import MATRIX, addresses, dump

ROOT = Path(__file__).resolve().parent.parent
SECRET = "canary-9f31c7"
EXTRA = {
    "id": "424242",
    "total": "4242.42",
    "total_minor": "424242",
    "balance_minor": "424242",
    "paid_minor": "424242",
    "price_minor": "424242",
    "status": "canary-status",
    "role_id": "admin",
    "is_admin": "1",
    "actor": "canary-actor",
    "actor_id": "424242",
    "credit_minor": "424242",
    "created_at": "2042-04-02",
    "card_number": f"4111 {SECRET}",
    "cvc": SECRET,
    "token_digest": SECRET,
    "password_hash": SECRET,
    "api_key": SECRET,
}
"""What no form asks for."""
TYPED_SECRETS = re.compile(r"password|cvc|card")


def both_doors(app: Flask) -> tuple[Browser, dict[str, str]]:
    """Return somebody who stands at both doors, and a URL of each view."""
    client = make_client(1000)
    browser, urls = Browser(app), addresses(app, customer_id=client.id)
    browser.sign_in(make_staff(Role.ADMIN))
    browser.enter(client)
    return browser, urls


def test_whichever_route_breaks_shows_a_reference_and_nothing_else(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def half_done(session: Session) -> NoReturn:
        session.get_one(Customer, 1).name = "half done"
        session.flush()
        raise RuntimeError(f"SELECT {SECRET} FROM /etc/passwd")

    def broken(**_: Any) -> NoReturn:  # noqa: ANN401  (whatever is in the URL)
        transact(half_done)
        raise AssertionError

    browser, urls = both_doors(app)
    browser.client.get("/admin/users")
    before = dump()
    for endpoint, url in urls.items():
        if endpoint == "static":
            continue
        view: Any = partial(broken)
        view.__permission__ = vars(app.view_functions[endpoint])["__permission__"]
        monkeypatch.setitem(app.view_functions, endpoint, view)
        method = "GET" if (endpoint, "GET") in MATRIX else "POST"

        answer = browser.client.open(url, method=method)

        assert answer.status_code == 500, endpoint
        [line] = [one for one in capfd.readouterr().err.splitlines() if '"fault"' in one]
        assert json.loads(line)["reference"] in answer.text
        for leak in (SECRET, "Traceback", "SELECT", "RuntimeError", ".py"):
            assert leak not in answer.text, (endpoint, leak)
    assert dump() == before


def test_every_answer_of_every_route_carries_the_headers(app: Flask) -> None:
    browser, urls = both_doors(app)
    anonymous = Browser(app)

    for endpoint, url in urls.items():
        for client in (browser.client, anonymous.client):
            for method in ("GET", "POST", "TRACE"):
                answer = client.open(url, method=method)
                told = (endpoint, method, answer.status_code)
                headers = answer.headers
                assert "default-src 'none'" in headers["Content-Security-Policy"], told
                assert headers["X-Content-Type-Options"] == "nosniff", told
                assert headers["Referrer-Policy"] == "same-origin", told
                assert headers["Cross-Origin-Opener-Policy"] == "same-origin", told
                if endpoint != "static":
                    assert headers["Cache-Control"] == "no-store", told
                for cookie in headers.getlist("Set-Cookie"):
                    assert "HttpOnly" in cookie, told
                    assert "SameSite=Lax" in cookie, told
                if answer.mimetype == "text/csv":
                    assert "attachment" in headers["Content-Disposition"], told
        limiter.reset()


def test_what_no_form_asks_for_is_believed_nowhere_and_no_secret_is_kept(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    other = make_customer(500, name="Nobody Else")
    maker = Troublemaker(app, 0)
    cookies = [maker.browser.client.get_cookie(name) for name in ("session", "account")]
    values = [cookie.value for cookie in cookies if cookie is not None]
    assert len(values) == 2
    sent = 0

    for endpoint, method in MATRIX:
        if method == "POST" and "sign_out" not in endpoint:
            maker._come_back()
            _send_with_extras(maker, maker.urls[endpoint], other)
            sent += 1

    assert sent > 80
    kept = repr(dump())
    logged = capfd.readouterr()
    for where in (kept, logged.err, logged.out):
        assert SECRET not in where
        assert "canary-status" not in where
        assert "canary-actor" not in where
        assert not any(value in where for value in values)
    assert "424242" not in kept
    untouched = {name: [row for row in rows if "Nobody Else" in row] for name, rows in dump().items()}
    assert [row for rows in untouched.values() for row in rows]


def _send_with_extras(maker: Troublemaker, url: str, other: int) -> None:
    """Send each form that leads there with what it does not ask for, and secrets where secrets are asked for."""
    for fields in maker.forms.get(url) or [{}]:
        token = maker.client_token if url.startswith("/account") else maker.token
        extra = {name: value for name, value in {**EXTRA, "customer_id": str(other)}.items() if name not in fields}
        values = {name: value or [""] for name, value in fields.items()}
        values |= {name: [f"{SECRET} long enough"] for name in fields if TYPED_SECRETS.search(name)}
        maker.browser.client.post(url, data={**values, **extra, "csrf_token": token})


def test_secrets_and_signatures_are_compared_in_constant_time() -> None:
    secret = re.compile(r"(^|_)(mac|hmac|signature|token|password|code|given)$")
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("gateways", "services/gateways", "services/client_access", "services/staff_access")
        for path in (ROOT / "creditapp" / folder).rglob("*.py")
        for node in _comparisons(path)
        if any(secret.search(word) for word in _words(node.left))
    }
    compared = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "creditapp").rglob("*.py")
        if "hmac.compare_digest(" in path.read_text()
    }

    assert found == set()
    assert {"creditapp/gateways/signing.py", "creditapp/services/seals.py"} <= compared


def _comparisons(path: Path) -> Iterator[ast.Compare]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            is_constant = isinstance(node.comparators[0], ast.Constant)
            if not is_constant and not _is_column(node.left):
                yield node


def _is_column(node: ast.expr) -> bool:
    """Return whether the database compares: a column of a model, or of the letter that stands for one."""
    return (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and len(node.value.id) <= 2) or (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id[:1].isupper()
    )


def _words(node: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} | {
        one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)
    }


def test_whatever_costs_much_or_guesses_is_limited(app: Flask) -> None:
    costly = re.compile(
        r"(export|_pdf|import|upload|find$)|\.(sign_in|forgotten|reset$|invitation$|password|again|prove)"
    )
    harmless = {"credits.import_template", "imports.review", "imports.result", "batches.file"}
    routes = {
        endpoint
        for endpoint, method in MATRIX
        if costly.search(endpoint) and endpoint not in harmless and not _is_read_only_form(endpoint, method)
    }
    free = {name for name in routes if not _limits(app, name)}

    assert len(routes) > 20
    assert free == set()


def _is_read_only_form(endpoint: str, method: str) -> bool:
    return method == "GET" and (endpoint, "POST") in MATRIX


def _limits(app: Flask, endpoint: str) -> list[Any]:
    return limiter.limit_manager.decorated_limits(get_qualified_name(app.view_functions[endpoint]))


def test_no_list_is_endless() -> None:
    assert lists.PAGE_ROWS <= 100
    asked = re.compile(r"args(\.get\(|\[)[\"'](limit|rows|size|per_page)[\"']")

    assert {path.name for path in (ROOT / "creditapp").rglob("*.py") if asked.search(path.read_text())} == set()


def test_what_an_installation_keeps_is_its_own(tmp_path: Path) -> None:
    place = tmp_path / "instance"

    Config.from_environment({"CREDITAPP_INSTANCE": str(place)})

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}


@pytest.mark.tampers
def test_without_the_guards_of_history_the_desk_is_not_ready(app: Flask) -> None:
    client = app.test_client()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ready\n")

    with db.engine.begin() as connection:
        lift_guards(connection)

    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (503, "not ready\n")


@pytest.mark.parametrize("key", ["", "short", "changeme", "x" * 31])
@pytest.mark.parametrize("name", ["CREDITAPP_SECRET_KEY", "CREDITAPP_LEDGER_KEY"])
def test_a_key_that_is_short_or_an_example_keeps_the_desk_from_starting(tmp_path: Path, name: str, key: str) -> None:
    environment = {"CREDITAPP_INSTANCE": str(tmp_path), name: key}
    if key:
        with pytest.raises(ConfigError, match=name):
            Config.from_environment(environment)
        return

    first, second = Config.from_environment(environment), Config.from_environment(environment)

    assert len(first.secret_key) >= 43  # made at the first start, and kept
    assert (first.secret_key, first.ledger_key) == (second.secret_key, second.ledger_key)


def test_debugging_is_never_on(app: Flask) -> None:
    asked = re.compile(r"debug\s*=\s*True|app\.run\(|FLASK_DEBUG")

    assert not app.debug
    assert not any(asked.search(path.read_text()) for path in [*(ROOT / "creditapp").rglob("*.py"), ROOT / "app.py"])


def test_a_restored_backup_is_proved_whole(app: Flask, databases: Databases, tmp_path: Path) -> None:
    give(make_customer(500), -100)
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(str(db.engine.url.database))) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    give(make_customer(), 700)

    restored = create_app(databases.config(f"sqlite:///{backup}"))
    with restored.app_context():
        assert verification.report() == []
        assert db.session.execute(select(func.count()).select_from(CreditEntry)).scalar_one() == 2
        db.session.remove()
        db.engine.dispose()


def test_this_page_names_tests_that_exist() -> None:
    page = (ROOT / "docs/security.md").read_text()
    named = re.findall(r"([\w/]+\.py)(?:::(\w+))?", "".join(line for line in page.splitlines() if "test_" in line))
    held = [(path, name) for path, name in named if Path(path).name.startswith("test_")]

    assert len(held) > 80
    for path, name in held:
        assert f"def {name}" in (ROOT / "tests" / path).read_text(), (path, name)
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(range(1, 50))


def test_the_only_way_out_of_a_form_is_a_field_it_lists() -> None:
    spoiled = re.compile(r"populate_obj|\*\*request\.form|request\.form\.to_dict|request\.values|from_request")

    found = {str(path) for path in (ROOT / "creditapp").rglob("*.py") if spoiled.search(path.read_text())}

    assert found == set()


def test_every_url_stays_on_its_site(app: Flask) -> None:
    browser, urls = both_doors(app)
    for place in ("//evil.example", "/\t/evil.example", "https://evil.example", "/\\evil.example"):
        for endpoint in ("auth.sign_in", "account.sign_in", "auth.home"):
            answer = browser.client.get(urls[endpoint], query_string={"next": place})
            assert urlsplit(answer.headers.get("Location", "/")).netloc in {"", "localhost"}, (endpoint, place)
