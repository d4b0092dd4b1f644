"""A file that lies in the database in pieces, read as if it were one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sqlalchemy import select

from creditapp.models import BatchPart

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PART_BYTES = 256 * 1024
"""How large a piece is; a chunk of lines needs one or two of them."""


def open_stored(session: Session, batch_id: int, size: int) -> BinaryIO:
    """Return the file of the batch, `size` bytes long; of its pieces only those that are read are fetched."""
    return cast("BinaryIO", io.BufferedReader(_Stored(session, batch_id, size), PART_BYTES))


class _Stored(io.RawIOBase):
    def __init__(self, session: Session, batch_id: int, size: int) -> None:
        self._session = session
        self._batch_id = batch_id
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (whatever holds bytes)
        part, offset = divmod(self._at, PART_BYTES)
        content = self._session.execute(
            select(BatchPart.content).where(BatchPart.batch_id == self._batch_id, BatchPart.part == part)
        ).scalar_one_or_none()
        piece = (content or b"")[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
