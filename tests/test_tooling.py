"""What stands around the application: its database for tests, its locks, its supervisor."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from creditapp.jobs import supervise
from tests import postgres

ROOT = Path(__file__).resolve().parent.parent
TINY_APP = """
import os, signal
from flask import Flask
app = Flask(__name__)
app.get("/healthz")(lambda: str(os.getsid(0)))
app.cli.command("worker")(signal.pause)
"""


def _address(url: str) -> str:
    return url.replace(postgres.DRIVER, "postgresql://")


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _becomes_silent(port: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while _is_listening(port) and time.monotonic() < deadline:
        pass
    return not _is_listening(port)


@contextmanager
def _supervised(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the supervisor over a tiny application in `folder`."""
    (folder / "app.py").write_text(TINY_APP)
    given = {"PYTHONPATH": str(ROOT), "CREDITAPP_INSTANCE": str(folder), "DATABASE_URL": ""}
    command = [sys.executable, "-m", "creditapp.jobs.supervise", "--port", str(port)]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    return next((line for line in process.stdout if words in line), "")


def _answering_session(port: int, *, other_than: int = 0, seconds: float = 20) -> int:
    """Return the session of the web that answers, which its first process leads."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                if (session := int(answer.read())) != other_than:
                    return session
        except OSError:
            continue
    pytest.fail(f"Nothing new answered on port {port} within {seconds:g} s.")


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_the_test_server_searches_by_trigrams() -> None:
    server = postgres.shared()
    url = server.create_database("tooling_trigrams")

    with psycopg.connect(_address(url), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        found = connection.execute("SELECT 'Castillo' % 'castilo'").fetchone()

    server.drop_database("tooling_trigrams")
    assert found == (True,)


@pytest.mark.slow
def test_the_test_server_goes_when_its_owner_is_killed() -> None:
    code = "from tests import postgres; print(postgres.start().url, flush=True); input()"
    alone = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=alone,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        port = urlsplit(owner.stdout.readline()).port or 0
        was_listening = _is_listening(port)

        owner.kill()

    assert was_listening
    assert _becomes_silent(port)


def test_both_locks_pin_the_same_versions() -> None:
    runtime, development = _pins("requirements.lock"), _pins("requirements-dev.lock")

    assert runtime
    assert runtime.items() <= development.items()


def test_no_lock_names_a_registry() -> None:
    locks = [(ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")]

    assert [lock for lock in locks if "://" in lock or "index-url" in lock] == []


def test_a_taken_port_is_one_sentence(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITAPP_INSTANCE", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status = supervise.main(["--port", str(port)])

    assert status == 1
    assert capfd.readouterr().err == f"Port {port} is taken. Choose another: make run PORT={port + 1}\n"


@pytest.mark.slow
def test_the_web_comes_back_when_it_dies_and_goes_with_the_supervisor(tmp_path: Path, free_port: int) -> None:
    with _supervised(tmp_path, free_port) as process:
        assert f"http://127.0.0.1:{free_port}" in _read_until(process, "creditapp is at")
        first = _answering_session(free_port)

        os.kill(first, signal.SIGKILL)

        assert "SIGKILL" in _read_until(process, "The web stopped")
        _answering_session(free_port, other_than=first)
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert not _is_listening(free_port)


@pytest.mark.slow
def test_a_long_address_is_answered_by_the_application(tmp_path: Path, free_port: int) -> None:
    with _supervised(tmp_path, free_port) as process:
        assert _read_until(process, "creditapp is at")

        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/healthz?q={'x' * 8000}", timeout=5) as answer:
            assert answer.status == 200

        process.terminate()
        assert process.wait(timeout=20) == 0
