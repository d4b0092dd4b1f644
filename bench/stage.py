"""The databases that are measured: seeded once for each size, kept between runs, and copied before they are written."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
from flask import Flask
from flask_migrate import upgrade

from bench import seed
from bench.transplant import transplant
from creditapp import create_app
from creditapp.config import ROOT, Config
from tests import postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ENGINES = (SQLITE, POSTGRESQL)
LEDGER_KEY = "the benchmark's own key of the ledger's chain"
SECRET_KEY = "the benchmark's own key of the sessions"  # noqa: S105  (signs nothing outside of it)


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is; can be sent to another process, which makes its own application of it."""

    engine: str
    url: str
    folder: Path
    customers: int = 0

    def app(self) -> Flask:
        """Make an application on this database, as `app.py` does."""
        app = create_app(self.config)
        gc.freeze()
        return app

    @property
    def config(self) -> Config:
        return Config(
            database_url=self.url,
            secret_key=SECRET_KEY,
            ledger_key=LEDGER_KEY.encode(),
            instance_path=self.folder,
        )


class Stage:
    """Hands out databases, and takes them and their server away at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="creditapp-bench-")))
        self._server: postgres.Server | None = None
        self._seeded: dict[tuple[str, int], Database] = {}
        self._copies = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @property
    def server(self) -> postgres.Server:
        """The PostgreSQL, with fsync on, started at its first use."""
        if self._server is None:
            self._server = self._stack.enter_context(postgres.start(durable=True))
        return self._server

    def server_version(self) -> str:
        """Return the PostgreSQL's version."""
        with psycopg.connect(self.server.url.replace(postgres.DRIVER, "postgresql://", 1)) as connection:
            return str(connection.info.parameter_status("server_version"))

    def seeded(self, engine: str, customers: int) -> Database:
        """Return the database with so many customers; for reading only."""
        known = self._seeded.get((engine, customers))
        if known is None:
            make = self._seeded_sqlite if engine == SQLITE else self._seeded_postgresql
            known = self._seeded[engine, customers] = make(customers)
        return known

    def copy(self, engine: str, customers: int) -> Database:
        """Return a database with so many customers that may be written to."""
        source = self.seeded(engine, customers)
        self._copies += 1
        name = f"copy_{self._copies}"
        if engine == SQLITE:
            path = self.folder / f"{name}.db"
            shutil.copyfile(source.url.removeprefix("sqlite:///"), path)
            return Database(SQLITE, f"sqlite:///{path}", self.folder, customers)
        url = self.server.create_database(name, template=source.url.rpartition("/")[2])
        return Database(POSTGRESQL, url, self.folder, customers)

    def visited(self, engine: str, customers: int) -> Database:
        """Return the database with so many customers, to sign in to; take all connections away before it is copied."""
        if engine == SQLITE:
            return self.copy(engine, customers)
        return self.seeded(engine, customers)  # it lives as long as this run; to copy a large one would take long

    def _seeded_sqlite(self, customers: int) -> Database:
        kept = _kept_folder() / f"{_schema_digest()}-{customers}.db"
        if not kept.exists():
            half = kept.with_suffix(f".{os.getpid()}")
            database = Database(SQLITE, f"sqlite:///{half}", self.folder, customers)
            with _migrated(database) as app:
                seed.sow(app, customers)
            half.replace(kept)
        return Database(SQLITE, f"sqlite:///{kept}", self.folder, customers)

    def _seeded_postgresql(self, customers: int) -> Database:
        source = self.seeded(SQLITE, customers)
        url = self.server.create_database(f"seed_{customers}")
        database = Database(POSTGRESQL, url, self.folder, customers)
        with _migrated(database) as app:
            transplant(source.url.removeprefix("sqlite:///"), app)
        return database


@contextmanager
def _migrated(database: Database) -> Iterator[Flask]:
    app = database.app()
    with app.app_context():
        upgrade()
        yield app
        engine = app.extensions["sqlalchemy"].engine
        engine.dispose()  # closes the last connection: SQLite folds its log into the file


def _kept_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"creditapp-bench-seeds-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _schema_digest() -> str:
    """Return a name for the schema and the seeder as they are now: an older seed is of no use to newer code."""
    digest = hashlib.sha256()
    sources = [*sorted((ROOT / "migrations" / "versions").glob("*.py")), Path(seed.__file__)]
    sources += [ROOT / "creditapp" / name for name in ("services/ledger/chain.py", "text.py")]
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
