"""Many prepared statements to PostgreSQL, and all their answers, in one round trip.

psycopg's own pipeline sends each statement by itself, so that server and client wake each other for every one of them:
on one machine that takes as long as no pipeline. Sent in one piece, an adjustment takes half the time
(docs/performance.md). This stands on `psycopg.pq`, psycopg's door to libpq; committing and rolling back stay psycopg's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Row = tuple[Any, ...]
FAILURES = {ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED}


@dataclass(frozen=True, slots=True)
class Request:
    """One statement with `$1 …` in it, the name it is prepared under, and its values in order."""

    name: bytes
    sql: bytes
    values: Sequence[Any]


class RoundTrips:
    """One connection's way of asking many things at once. It remembers what the server has prepared.

    The connection must not prepare statements by itself (`prepare_threshold` None): at a rollback psycopg throws away
    what it has prepared, and ours with it.
    """

    def __init__(self, driver: Connection[Any]) -> None:
        self._driver = driver
        self._adapt = Transformer.from_context(driver)
        self._prepared: set[bytes] = set()

    def ask(self, requests: Sequence[Request]) -> Iterator[tuple[list[Row], int]]:
        """Run the statements in order in the connection's transaction; yield each one's rows and how many it touched.

        Raises:
            psycopg.Error: as the first statement that failed was answered; those after it have not run.
        """
        for answer in self._exchange(requests):
            self._adapt.set_pgresult(answer)
            yield self._adapt.load_rows(0, answer.ntuples, tuple), answer.command_tuples or 0

    def _exchange(self, requests: Sequence[Request]) -> list[PGresult]:
        values = [self._adapt.dump_sequence(r.values, [PyFormat.TEXT] * len(r.values)) for r in requests]
        begin = self._begin()
        fresh = {r.name: r.sql for r in requests if r.name not in self._prepared}
        server = self._driver.pgconn
        try:
            server.enter_pipeline_mode()
            for words in begin:
                server.send_query_params(words, None)
            for name, sql in fresh.items():
                server.send_prepare(name, sql)
            for request, dumped in zip(requests, values, strict=True):
                server.send_query_prepared(request.name, dumped)
            server.pipeline_sync()
            answers = self._driver.wait(_answers(server, len(begin) + len(fresh) + len(requests) + 1))
            server.exit_pipeline_mode()
        except BaseException:
            self._driver.close()  # nobody can tell what would still arrive on it
            raise
        prepared = answers[len(begin) :][: len(fresh)]
        self._prepared |= {name for name, answer in zip(fresh, prepared, strict=True) if answer.status not in FAILURES}
        for answer in answers:
            if answer.status in FAILURES:
                raise error_from_result(answer)
        return answers[-1 - len(requests) : -1]

    def _begin(self) -> list[bytes]:
        """Return how psycopg would begin; nothing inside a transaction."""
        driver = self._driver
        if driver.autocommit or driver.pgconn.transaction_status != TransactionStatus.IDLE:
            return []
        words = ["BEGIN"]
        if driver.isolation_level is not None:
            words.append(f"ISOLATION LEVEL {driver.isolation_level.name.replace('_', ' ')}")
        if driver.read_only is not None:
            words.append("READ ONLY" if driver.read_only else "READ WRITE")
        if driver.deferrable is not None:
            words.append("DEFERRABLE" if driver.deferrable else "NOT DEFERRABLE")
        return [" ".join(words).encode()]


def _answers(server: PGconn, count: int) -> PQGen[list[PGresult]]:
    """Send what is waiting, and fetch so many answers."""
    yield from send(server)
    answers: list[PGresult] = []
    for _ in range(count):
        answers += yield from fetch_many(server)
    return answers
