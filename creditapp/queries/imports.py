"""What the import page reads."""

from __future__ import annotations

from sqlalchemy import Select, select

from creditapp.models import RequestKey


def select_result(key: str) -> Select[str]:
    """Return what the import under this key came to, as its facts in JSON."""
    return select(RequestKey.result).where(RequestKey.scope == "import", RequestKey.key == key)
