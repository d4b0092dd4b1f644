"""CSV: what a list shows, streamed, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response, request, stream_with_context

from creditapp.db import transact
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.web.sessions import current_actor

_DANGEROUS = (
    *("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\N{MINUS SIGN}"),
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)
ROWS_AT_ONCE = 500


class Number(str):
    """A cell made by us from a whole number: it stays a number, minus and all."""

    __slots__ = ()


def cell(value: Any) -> str:  # noqa: ANN401  (whatever a row holds)
    """Return the value as a cell; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, Number | int):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def record_export(what: str, object_id: int | None, filters: Mapping[str, Any]) -> None:
    """Log who takes which rows away, before the first of them leaves. HEAD takes none."""
    if request.method != "HEAD":
        transact(audit.record, Action.EXPORTED, current_actor(), what, object_id, after=filters)


def csv_response(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Stream the rows as an attachment called `name`."""
    response = Response(stream_with_context(_lines(headings, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(headings)
    for count, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if count % ROWS_AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
