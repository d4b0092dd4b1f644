"""What every test stands on: a migrated database of its own, the application over it, and proof afterwards.

A test marked `money` runs on SQLite and on PostgreSQL; the others on SQLite alone. With `--isolation serializable` or
`--schema partitioned` everything runs on PostgreSQL, set up that way. After each test the ledger is verified, unless
the test is marked `tampers`.
"""

from __future__ import annotations

import contextvars
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask_migrate
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, make_url
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from creditapp import create_app
from creditapp.config import Config
from creditapp.db import db, init_database
from creditapp.services import passwords, verification
from tests import postgres
from tests.books import Books, write_books

if TYPE_CHECKING:
    from tests.browser import Browser

PARTITIONS = 4
LEDGER_KEY = b"a key of the chain that only tests use"
SANDBOX_KEY = b"a key of the sandbox that only tests use"
SECRET_KEY = "a secret that only tests use, and nobody else"

CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)

Shelf = Callable[[str], tuple[Flask, Books]]
AppMaker = Callable[[str], AbstractContextManager[Flask]]

settings.register_profile("suite", derandomize=True, database=None, deadline=None, print_blob=True, max_examples=50)
settings.register_profile(
    "soak",
    database=None,
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("SOAK_EXAMPLES", "2000")),
)
settings.load_profile("soak" if "SOAK_EXAMPLES" in os.environ else "suite")


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Let hashing cost next to nothing: nearly every test of a page signs somebody in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", CHEAP_HASHER)
        yield


@pytest.fixture(scope="session", autouse=True)
def _routes_compiled_once() -> Iterator[None]:
    """Keep what Werkzeug compiles of each route: it is the same in every application that is made."""
    compile_anew = Rule._compile_builder
    known: dict[tuple[object, ...], Any] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Any:  # noqa: ANN401  (a function of the rule)
        key = (rule.rule, rule.subdomain, rule.host, repr(rule.defaults), append_unknown)
        if key not in known:
            known[key] = compile_anew(rule, append_unknown)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--isolation", choices=("default", "serializable"), default="default")
    parser.addoption("--schema", choices=("plain", "partitioned"), default="plain")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tampers: leaves a database that verification must not find clean")
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", default=None):
        postgres.shared()  # the workers find it; a run without workers starts it when a test asks for it


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long come first: at the end one worker would be at it, and the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_unconfigure(config: pytest.Config) -> None:
    postgres.stop_shared()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    chosen = {name for names in named for name in ([names] if isinstance(names, str) else names)}
    if "engine" not in metafunc.fixturenames or "engine" in chosen:
        return
    options = metafunc.config.option
    engines = ["sqlite"]
    if options.isolation != "default" or options.schema != "plain":
        engines = ["postgresql"]
    elif metafunc.definition.get_closest_marker("money"):
        engines = ["sqlite", "postgresql"]
    metafunc.parametrize("engine", engines)


@dataclass
class Databases:
    """Migrated databases by the dozen: each engine is migrated once, and copied for each test."""

    folder: Path
    isolation: str | None
    partitions: int
    _templates: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def config(self, url: str) -> Config:
        extra = {"PARTITIONS": self.partitions} if self.partitions and not url.startswith("sqlite") else {}
        return Config(
            database_url=url,
            secret_key=SECRET_KEY,
            ledger_key=LEDGER_KEY,
            sandbox_key=SANDBOX_KEY,
            instance_path=self._instance(url),
            testing=True,
            isolation=self.isolation,
            extra=extra,
        )

    def _instance(self, url: str) -> Path:
        """Return the instance folder of this database; one seals file is about one database."""
        folder = self.folder / "instances" / (make_url(url).database or "").rpartition("/")[2].removesuffix(".db")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def empty(self, engine: str) -> Iterator[str]:
        """Yield the URL of a database without any table."""
        if engine == "sqlite":
            yield f"sqlite:///{self.folder / self._name()}.db"
            return
        name = self._name()
        yield postgres.shared().create_database(name)
        postgres.shared().drop_database(name)

    @contextmanager
    def migrated(self, engine: str) -> Iterator[str]:
        """Yield the URL of a database of its own with the schema in it."""
        template = self._template(engine)
        name = self._name()
        if engine == "sqlite":
            path = self.folder / f"{name}.db"
            shutil.copyfile(template, path)
            yield f"sqlite:///{path}"
            for remains in self.folder.glob(f"{name}.db*"):
                remains.unlink()
            return
        yield postgres.shared().create_database(name, template=template)
        postgres.shared().drop_database(name)

    def drop_templates(self) -> None:
        if "postgresql" in self._templates:
            postgres.shared().drop_database(self._templates["postgresql"])

    def _template(self, engine: str) -> str:
        if engine not in self._templates:
            name = self._name()
            if engine == "sqlite":
                self._templates[engine] = str(self.folder / f"{name}.db")
                migrate(self.config(f"sqlite:///{self._templates[engine]}"))
            else:
                migrate(self.config(postgres.shared().create_database(name)))
                self._templates[engine] = name
        return self._templates[engine]

    def _name(self) -> str:
        return f"creditapp_{os.getpid()}_{next(self._numbers)}"


def migrate(config: Config) -> None:
    """Bring the database to the newest revision, as an installation does."""
    app = create_app(config)
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()


class _Visitor(FlaskClient):
    """Asks from outside the test's application context, as a browser does: each request has a context of its own."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:  # noqa: ANN401  (werkzeug's own)
        kwargs["buffered"] = True
        return contextvars.Context().run(super().open, *args, **kwargs)


class _Compiled(BytecodeCache):
    """Templates are compiled once, not for each application anew."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    options = request.config.option
    on_disk = tmp_path_factory.mktemp("databases")
    folder = Path(tempfile.mkdtemp(prefix="creditapp-", dir=postgres.MEMORY)) if postgres.has_memory() else on_disk
    made = Databases(
        folder=folder,
        isolation="SERIALIZABLE" if options.isolation == "serializable" else None,
        partitions=PARTITIONS if options.schema == "partitioned" else 0,
    )
    yield made
    made.drop_templates()
    shutil.rmtree(folder, ignore_errors=True)


class _Apps:
    """Applications that are made once and lent to one test after the other: registering the views takes its time.

    What a test leaves in the configuration or among the extensions goes before the next one comes. The engine is new;
    what SQLAlchemy has compiled for the ones before it is known to it.
    """

    def __init__(self) -> None:
        self._spare: list[tuple[Flask, dict[str, Any]]] = []
        self._used: dict[str, Engine] = {}

    @contextmanager
    def lend(self, config: Config) -> Iterator[Flask]:
        app, extensions = self._spare.pop() if self._spare else _made(config)
        app.extensions = dict(extensions)
        app.instance_path = str(config.instance_path)
        app.config.clear()
        app.config.update(app.default_config)
        app.config.from_mapping(config.flask())
        app.teardown_appcontext_funcs.remove(db._teardown_session)
        app._got_first_request = False
        init_database(app)
        with app.app_context():
            engine = db.engine
        used = self._used.setdefault(engine.name, engine)
        if used is not engine:
            engine.dialect = engine.pool._dialect = used.dialect
            engine._compiled_cache = used._compiled_cache
        views = len(app.view_functions)
        yield app
        if len(app.view_functions) == views:
            self._spare.append((app, extensions))


def _made(config: Config) -> tuple[Flask, dict[str, Any]]:
    app = create_app(config)
    app.jinja_env.bytecode_cache = _COMPILED
    app.test_client_class = _Visitor
    return app, {name: made for name, made in app.extensions.items() if name != "sqlalchemy"}


@pytest.fixture(scope="session")
def new_app(databases: Databases) -> AppMaker:
    """Lend an application over a database of its own; its context is entered."""
    apps = _Apps()

    @contextmanager
    def make(engine: str) -> Iterator[Flask]:
        with databases.migrated(engine) as url, apps.lend(databases.config(url)) as app, app.app_context():
            try:
                yield app
            finally:
                db.session.remove()
                db.engine.dispose()

    return make


@pytest.fixture
def app(engine: str, new_app: AppMaker) -> Iterator[Flask]:
    """The application; the test is inside its context, so that services and factories can be called."""
    with new_app(engine) as made:
        yield made


@pytest.fixture(scope="session")
def shelf(databases: Databases) -> Iterator[Shelf]:
    """The books of each engine, written once for all tests that leave them as they were."""
    with ExitStack() as stack:

        @cache
        def take(engine: str) -> tuple[Flask, Books]:
            made = create_app(databases.config(stack.enter_context(databases.migrated(engine))))
            with made.app_context():
                stack.callback(db.engine.dispose)
                return made, write_books()

        yield take


@pytest.fixture
def books(engine: str, shelf: Shelf) -> Iterator[Books]:
    """A ledger with a bit of everything in it; the test is inside the context of its application."""
    made, written = shelf(engine)
    with made.app_context():
        yield written
        db.session.remove()


@pytest.fixture(autouse=True)
def _proof(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every entry, balance, lot and sum is proved after every test."""
    if "app" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("app")
    yield
    if request.node.get_closest_marker("tampers") is None:
        db.session.remove()
        assert verification.report() == []


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A person in front of the application."""
    from tests.browser import Browser  # noqa: PLC0415  (only page tests need it)

    return Browser(app)
