"""Keys of requests that post no entry, so that sending one twice does it once; and counters that slow abuse down."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import UtcDateTime
from creditapp.db import Base


class RequestKey(Base):
    """One request that was carried out: claimed by insert in the same transaction as its work."""

    __tablename__ = "request_keys"
    __table_args__ = (Index("ix_request_keys_created_at", "created_at"),)

    scope: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    body_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    result: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RateWindow(Base):
    """How often something was tried in one window of time."""

    __tablename__ = "rate_windows"
    __table_args__ = (Index("ix_rate_windows_ends_at", "ends_at"),)

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    hits: Mapped[int] = mapped_column(BigInteger)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
