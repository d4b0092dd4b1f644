"""Sums kept in the same transaction as the entries, so that no total ever scans the ledger."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id
from creditapp.db import Base

TOTAL_SHARDS = 16


class CreditDay(Base):
    """What one day's entries of one kind, reason and class came to. Several shards, so that writers rarely meet."""

    __tablename__ = "credit_days"
    __table_args__ = (
        Index("ix_credit_days_reason_id", "reason_id", "day"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    reason_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    """0 where the entry has none."""
    class_: Mapped[str] = mapped_column("class", String(12), primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[int] = mapped_column(BigInteger)
    """How many lots' worth of entries: an entry that spends from two classes counts in both."""


class CreditTotal(Base):
    """What all customers of one shard are owed now, and how many of them hold credit."""

    __tablename__ = "credit_totals"
    __table_args__ = ({"postgresql_with": {"fillfactor": 10}},)

    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    balance_minor: Mapped[int] = mapped_column(BigInteger)
    holders: Mapped[int] = mapped_column(BigInteger)
