"""Uploads between the two steps: what was checked is what is imported, byte for byte.

A file lies in the instance folder under the number of the staff member and a random token; nothing of its name comes
from outside. Only its owner finds it, for an hour; after that it is swept away.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from flask import current_app

KEPT_S = 3600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def keep(source: BinaryIO, staff_id: int) -> str:
    """Keep the bytes for this staff member, and return the token under which they are found. Sweeps old ones away."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(folder)
    token = secrets.token_urlsafe(32)
    descriptor = os.open(_path(token, staff_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as kept:
        shutil.copyfileobj(source, kept)
    return token


def find(token: str, staff_id: int) -> BinaryIO | None:
    """Open what this staff member keeps under the token; None when it is somebody else's, unknown or too old."""
    if not _TOKEN.fullmatch(token):
        return None
    path = _path(token, staff_id)
    try:
        return path.open("rb") if _age_s(path) <= KEPT_S else None
    except FileNotFoundError:
        return None


def drop(token: str, staff_id: int) -> None:
    """Forget the bytes: they have been imported."""
    if _TOKEN.fullmatch(token):
        _path(token, staff_id).unlink(missing_ok=True)


def _folder() -> Path:
    return Path(current_app.instance_path) / "imports"


def _path(token: str, staff_id: int) -> Path:
    return _folder() / f"{staff_id}.{token}.csv"


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _sweep(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        try:
            if _age_s(path) > KEPT_S:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
