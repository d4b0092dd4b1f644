"""Adjustments from a file: each line gets a verdict first, and what is in order is posted as one batch.

A file names `customer, amount, reason` in its first line, and may name `note, customer_note, ticket, reference`. It is
kept in pieces with its batch, and read on chunk by chunk, so that it may be of any length. A line is posted once,
however many files it is in: its entry's key is made of what the line says, or of its reference.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import delete, insert, select, update

from creditapp.bulk import insert_rows
from creditapp.db import Base, now
from creditapp.errors import ImportFileError
from creditapp.models import Batch, BatchKind, BatchLine, BatchPart, BatchStatus, Setting
from creditapp.money import Currency, currency
from creditapp.services import request_keys
from creditapp.services.actor import staff
from creditapp.services.adjustment_files.columns import COLUMNS, HEADINGS, Shape, check, example, way_of
from creditapp.services.adjustment_files.judging import File, judge
from creditapp.services.adjustment_files.lines import Cause, cells_of
from creditapp.services.adjustment_files.stored import PART_BYTES, open_stored
from creditapp.services.adjustment_files.totals import Terms, Totals
from creditapp.services.imports import files
from creditapp.services.imports.files import Place
from creditapp.text import clean

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

__all__ = [
    "CHUNK",
    "HEADINGS",
    "Cause",
    "Shape",
    "Terms",
    "Totals",
    "cells_of",
    "check",
    "example",
    "prepare_chunk",
    "upload",
    "way_of",
]

CHUNK = 2500
"""How many lines are judged in one transaction: on SQLite everybody who writes waits for it."""
NAME_CHARS_MAX = 150
_BROKEN = "The file was not kept whole. Nothing was posted; upload it again."
LINES = Base.metadata.tables[BatchLine.__tablename__]


def upload(
    session: Session, source: BinaryIO, shape: Shape, *, name: str, by: Actor, key: str, again: bool = False
) -> int:
    """Keep a file that `check` has read, and return the batch that its lines will be; nothing is judged yet.

    `again`: lines that have been posted before are meant to be posted once more. The same key again keeps no second
    file.

    Raises:
        FormReusedError: the key has kept another file.
    """
    digest = _digest(source)
    earlier = request_keys.claim(session, "adjustments", key, (digest, again, by.kind, by.id))
    if earlier is not None:
        return int(earlier)
    moment = now(session)
    spelt = name.encode("utf-8", "replace").decode().replace("\x00", "")
    called = clean(spelt[:NAME_CHARS_MAX], chars_max=2 * NAME_CHARS_MAX)[:NAME_CHARS_MAX]
    batch = Batch(
        kind=str(BatchKind.IMPORT),
        status=str(BatchStatus.PREPARING),
        title=f"Adjustments from {called}" if called else "Pasted adjustments",
        credit_round=1,
        terms=Terms(shape.table, again, shape.bytes).to_json(),
        customer_note="",
        note="",
        problem="",
        source_name=called,
        source_digest=digest,
        spent_choice="",
        lines=0,
        expected=shape.lines,
        prepared_customer=0,
        prepared_item=0,
        to_post=0,
        to_post_minor=0,
        done_line=0,
        posted=0,
        posted_minor=0,
        skipped=0,
        made_by=by.id,
        version=1,
        created_at=moment,
        updated_at=moment,
    )
    session.add(batch)
    session.flush()
    source.seek(0)
    part = 0
    while content := source.read(PART_BYTES):
        session.execute(insert(BatchPart).values(batch_id=batch.id, part=part, content=content))
        part += 1
    request_keys.keep(session, "adjustments", key, str(batch.id))
    return batch.id


def prepare_chunk(session: Session, batch_id: int) -> bool:
    """Judge the next lines of a file, and return whether there are more. Safe to repeat, and to run by many at once.

    How far the file has been read moves in the same transaction. After the last line the batch is ready, and the file
    is forgotten. `check` has read all of it: where it cannot be read now, the batch has failed.
    """
    batch = session.execute(select(Batch).where(Batch.id == batch_id).with_for_update()).scalar_one_or_none()
    if batch is None or batch.kind != BatchKind.IMPORT or batch.status != BatchStatus.PREPARING:
        return False
    terms = Terms.from_json(batch.terms)
    source = open_stored(session, batch_id, terms.bytes)
    try:
        if batch.prepared_item:
            rows = files.go_on(source, terms.table, Place(batch.prepared_customer, batch.prepared_item))
        else:
            _table, rows = files.read(source, COLUMNS)
        chunk = list(islice(rows, CHUNK))
    except ImportFileError as error:
        _write(session, batch, status=str(BatchStatus.FAILED), problem=error.problem)
        return False
    if len(chunk) < CHUNK and (not chunk or chunk[-1].read.bytes < terms.bytes):
        _write(session, batch, status=str(BatchStatus.FAILED), problem=_BROKEN)
        return False
    file = File(batch_id, batch.source_digest, terms, staff(batch.made_by or 0), _currency(session))
    lines, causes = judge(session, file, chunk)
    insert_rows(session, LINES, lines)
    terms.totals.count(lines, causes)
    read = chunk[-1].read
    is_last = read.bytes >= terms.bytes
    _write(
        session,
        batch,
        lines=batch.lines + len(lines),
        terms=terms.to_json(),
        prepared_customer=read.lines,
        prepared_item=read.bytes,
        status=str(BatchStatus.READY if is_last else BatchStatus.PREPARING),
    )
    if is_last:
        session.execute(delete(BatchPart).where(BatchPart.batch_id == batch_id))
    return not is_last


def _write(session: Session, batch: Batch, **values: object) -> None:
    session.execute(
        update(Batch)
        .where(Batch.id == batch.id)
        .values(version=batch.version + 1, updated_at=now(session), **values)
        .execution_options(synchronize_session=False)
    )


def _currency(session: Session) -> Currency:
    return currency(session.execute(select(Setting.currency)).scalar_one())


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    digest = hashlib.sha256()
    while block := source.read(PART_BYTES):
        digest.update(block)
    return digest.hexdigest()
