"""Static files by content: `app.css?v=…` never changes, so a browser may keep it for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

FOR_EVER = 31_536_000


def static_url(name: str) -> str:
    """Return the URL of a static file in this very version."""
    return f"/static/{name}?v={_version(str(current_app.static_folder), name)}"


@lru_cache(maxsize=128)
def _version(folder: str, name: str) -> str:
    return hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest()[:12]


def init_statics(app: Flask) -> None:
    """Let browsers keep files that were asked for by version."""

    @app.after_request
    def _keep(response: Response) -> Response:
        if request.endpoint == "static" and request.args.get("v") and response.status_code in {200, 304}:
            response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
        return response
