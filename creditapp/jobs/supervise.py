"""Run the web and the worker together on one machine: what `make run` ends in.

Both are child processes: started again when they die, stopped when this process is told to stop or dies.
"""

import argparse
import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from creditapp.config import Config, ConfigError

HOST = "127.0.0.1"
ANSWER_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20
STEADY_SECONDS = 10
"""Who lives this long has started well; an earlier death counts with the ones before it."""
TICK_SECONDS = 0.25
DEATHS_MAX = 5
REQUEST_LINE_BYTES_MAX = 8190
"""What gunicorn takes at most: a long address is the application's to answer, not the server's."""


class GiveUpError(Exception):
    """It cannot go on; the message is for the person at the terminal."""


@dataclass
class Child:
    """One of the processes, and how it has fared."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0
    starts_at: float = 0
    deaths: int = 0

    def tend(self) -> None:
        """Start it when it is time to, and note its death.

        Raises:
            GiveUpError: it dies and dies.
        """
        now = time.monotonic()
        if self.process is None:
            if now >= self.starts_at:
                self._start()
        elif (status := self.process.poll()) is not None:
            self.deaths = 1 if now - self.started_at > STEADY_SECONDS else self.deaths + 1
            if self.deaths == DEATHS_MAX:
                raise GiveUpError(f"The {self.name} stopped {DEATHS_MAX} times in a row ({_cause(status)}).")
            pause = 2.0 ** (self.deaths - 2)
            self.process, self.starts_at = None, now + pause
            click.echo(f"The {self.name} stopped ({_cause(status)}); it starts again in {pause:g} s.", err=True)

    def _start(self) -> None:
        # A session of its own keeps the terminal's Ctrl-C away: one signal reaches it, and from here.
        self.process = subprocess.Popen([*_dying_with_us(), *self.command], start_new_session=True)  # noqa: S603
        self.started_at = time.monotonic()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Let it finish what it is doing."""
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """End it and the processes it has started, at once."""
        if self.process is not None and self.is_running():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Signals:
    """The signals that have arrived, read where it suits, never in the middle of something."""

    def __init__(self) -> None:
        self._reader, writer = socket.socketpair()
        writer.setblocking(False)  # noqa: FBT003 # the socket's own signature
        self._writer = writer
        signal.set_wakeup_fd(writer.fileno())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def wait(self) -> bool:
        """Sleep for a tick, or until something happens, and return whether we are told to stop."""
        if not select.select([self._reader], [], [], TICK_SECONDS)[0]:
            return False
        return any(number != signal.SIGCHLD for number in self._reader.recv(4096))


def run(members: Sequence[Child], port: int) -> None:
    """Keep the children running until told to stop; then, and whenever this ends, stop them.

    Raises:
        GiveUpError: a child does not stay up, or the web does not answer.
    """
    signals = Signals()
    deadline: float | None = time.monotonic() + ANSWER_SECONDS_MAX
    try:
        while True:
            for child in members:
                child.tend()
            if deadline and _answers(port):
                deadline = None
                click.echo(f"\ncreditapp is at http://{HOST}:{port} (Ctrl-C stops it)")
            if deadline and time.monotonic() > deadline:
                raise GiveUpError(f"The web has not answered within {ANSWER_SECONDS_MAX} s.")
            if signals.wait():
                return
    finally:
        _stop(members, signals)


def _stop(members: Sequence[Child], signals: Signals) -> None:
    """Ask all to stop, and end who has not after a while, or when told to stop once more."""
    for child in members:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while any(child.is_running() for child in members) and time.monotonic() < deadline:
        if signals.wait():
            break
    for child in members:
        child.kill()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _dying_with_us() -> list[str]:
    """Return what, before a command, has Linux stop it when this process is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _cause(status: int) -> str:
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name


def _check_free(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise GiveUpError(f"Port {port} is taken. Choose another: make run PORT={port + 1}") from error


def family(port: int, processes: int | None, *, sqlite: bool) -> list[Child]:
    """Return the web and the worker. SQLite has one writer, so there one process holds all the threads."""
    count, threads = (processes or 1, 8) if sqlite else (processes or 2, 4)
    shape = ["--worker-class", "gthread", "--workers", str(count), "--threads", str(threads)]
    habits = ["--graceful-timeout", "10", "--no-control-socket", "--log-level", "warning"]
    bind = ["--bind", f"{HOST}:{port}", "--limit-request-line", str(REQUEST_LINE_BYTES_MAX)]
    return [
        Child("web", [sys.executable, "-m", "gunicorn", *bind, *shape, *habits, "app:app"]),
        Child("worker", [sys.executable, "-m", "flask", "--app", "app", "worker"]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the web and the worker until told to stop; return 1 when they cannot go on."""
    parser = argparse.ArgumentParser(prog="python -m creditapp.jobs.supervise", description=main.__doc__)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--processes", type=int, help="how many processes serve the web")
    options = parser.parse_args(arguments)
    try:
        sqlite = Config.from_environment().database_url.startswith("sqlite")
        _check_free(options.port)
        run(family(options.port, options.processes, sqlite=sqlite), options.port)
    except (ConfigError, GiveUpError) as error:
        click.echo(error, err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
