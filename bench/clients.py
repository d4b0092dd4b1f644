"""Clients in processes of their own, that adjust accounts as fast as they can when they are told to."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from typing import Literal

from flask import Flask

from bench import plain
from bench.seed import REASON_ID, REMOVAL_REASON_ID, STAFF_ID
from bench.stage import Database
from creditapp.db import transact
from creditapp.services import actor, credits

Side = Literal["plain", "ours"]
Act = Literal["adjust", "apply"]
START_DELAY_S = 0.05
"""Time enough for all processes to hear of the start before it comes."""
NOTE = "Agreed on the phone with the account manager"


@dataclass(frozen=True, slots=True)
class Order:
    """Work to be done by every client: which side, from when (monotonic) and for how long."""

    side: Side
    act: Act
    start: float
    seconds: float


@dataclass(slots=True)
class Result:
    """What came of an order."""

    operations: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)


class OurDesk:
    """The application's own way: the service through the transaction door."""

    def adjust(self, customer_id: int, amount_minor: int, *, reason_id: int, note: str, key: str) -> None:
        """Add credit, or remove it, and commit."""
        transact(
            credits.adjust,
            customer_id,
            amount_minor,
            reason_id=reason_id,
            by=actor.staff(STAFF_ID),
            key=key,
            note=note,
        )

    def apply(self, customer_id: int, invoice_id: int, amount_minor: int, *, key: str) -> None:
        """Use credit on an invoice, and commit."""
        transact(credits.apply, customer_id, invoice_id, amount_minor, by=actor.staff(STAFF_ID), key=key)


class Clients:
    """Processes with some clients each, ready to work for either side on the same customers."""

    def __init__(self, database: Database, processes: int, threads: int, customers: Sequence[int]) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes, self._wires = [], []
        for number in range(processes):
            wire, its_wire = context.Pipe()
            seat = Seat(database, number, threads, processes * threads, customers)
            process = context.Process(target=_work, args=(seat, its_wire), daemon=True)
            process.start()
            self._processes.append(process)
            self._wires.append(wire)
        for wire in self._wires:
            wire.recv()

    def per_second(self, side: Side, seconds: float, errors: list[str], act: Act = "adjust") -> float:
        """Let every client work for so long, and return how many operations came through in a second."""
        order = Order(side, act, time.monotonic() + START_DELAY_S, seconds)
        for wire in self._wires:
            wire.send(order)
        results: list[Result] = [wire.recv() for wire in self._wires]
        for result in results:
            errors += result.errors
        return sum(result.operations for result in results) / max(result.seconds for result in results)

    def stop(self) -> None:
        """Send everybody home and wait until they are gone."""
        for wire in self._wires:
            wire.send(None)
        for process in self._processes:
            process.join()


@contextmanager
def clients(database: Database, processes: int, threads: int, customers: Sequence[int]) -> Iterator[Clients]:
    """Start the clients and stop them afterwards."""
    those = Clients(database, processes, threads, customers)
    try:
        yield those
    finally:
        those.stop()


@dataclass(frozen=True, slots=True)
class Seat:
    """What one process is told at its start."""

    database: Database
    number: int
    threads: int
    clients: int
    customers: Sequence[int]


def _work(seat: Seat, wire: Connection) -> None:
    app = seat.database.app()
    workers = [_Worker(app, seat, seat.number * seat.threads + thread) for thread in range(seat.threads)]
    wire.send("ready")
    while (order := wire.recv()) is not None:
        result = Result()
        threads = [threading.Thread(target=worker.work, args=(order, result)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wire.send(result)


class _Worker:
    """One client: adds an amount, removes it again, goes on to the next customer; no amount comes twice in a row."""

    def __init__(self, app: Flask, seat: Seat, number: int) -> None:
        self._app = app
        self._number = number
        self._customers = seat.customers[number :: seat.clients] or seat.customers
        self._clients = seat.clients
        self._turns = count()
        self._desks: dict[str, plain.Desk] = {"plain": plain.desk(seat.database), "ours": OurDesk()}

    def work(self, order: Order, result: Result) -> None:
        desk = self._desks[order.side]
        act, operations = (self._apply, 1) if order.act == "apply" else (self._add_and_remove, 2)
        done = 0
        time.sleep(max(0.0, order.start - time.monotonic()))
        with self._app.app_context():
            try:
                while time.monotonic() < order.start + order.seconds:
                    act(desk)
                    done += operations
            except Exception as error:  # noqa: BLE001  (whatever it is, it makes the figure worthless)
                result.errors.append(f"{order.side}: {type(error).__name__}: {error}")
        with _adding_up:
            result.operations += done
            result.seconds = max(result.seconds, time.monotonic() - order.start)

    def _add_and_remove(self, desk: plain.Desk) -> None:
        turn = next(self._turns)
        customer_id = self._customers[turn % len(self._customers)]
        amount_minor = 1 + (turn * self._clients + self._number) % 1_000_000
        key = f"bench:{self._number}:{turn}"
        desk.adjust(customer_id, amount_minor, reason_id=REASON_ID, note=NOTE, key=f"{key}:add")
        desk.adjust(customer_id, -amount_minor, reason_id=REMOVAL_REASON_ID, note=NOTE, key=f"{key}:remove")

    def _apply(self, desk: plain.Desk) -> None:
        """Use 1 on the invoice that has its customer's number."""
        turn = next(self._turns)
        customer_id = self._customers[turn % len(self._customers)]
        desk.apply(customer_id, customer_id, 1, key=f"bench:{self._number}:{turn}")


_adding_up = threading.Lock()
