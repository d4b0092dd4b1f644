"""Batches: many entries that are looked at, issued and reversed together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class BatchKind(StrEnum):
    """Where the lines of a batch come from."""

    DOWNTIME = "downtime"
    IMPORT = "import"
    """Adjustments from a file."""
    REVERSAL = "reversal"
    """Takes back what another batch gave."""


class BatchStatus(StrEnum):
    """Where a batch is in its life."""

    PREPARING = "preparing"
    """Its lines are being worked out."""
    READY = "ready"
    """It can be looked at and changed."""
    ISSUING = "issuing"
    STOPPED = "stopped"
    """Somebody stopped it between two chunks; it can go on."""
    DONE = "done"
    DROPPED = "dropped"
    """It was never issued, and its lines are gone."""
    FAILED = "failed"
    """Its lines could not be worked out; `problem` says why."""


class LineFlag(StrEnum):
    """What somebody should know of a line before it is issued."""

    NONE = ""
    CREDITED = "credited"
    """The subscription has been credited for this incident."""
    OVERLAP = "overlap"
    """Another incident that overlaps this one has been credited."""
    FROZEN = "frozen"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    SMALL = "small"
    """Below the policy's minimum, or nothing at all."""
    REFUSED = "refused"
    """The line of a file cannot be posted; `problem` says why."""
    REPEATED = "repeated"
    """An earlier file has posted the same line."""


class Batch(Base):
    """Entries that are issued, and can be reversed, together. `done_line` says how far it has come; never deleted."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("kind IN ('downtime', 'import', 'reversal')", name="kind_is_known"),
        CheckConstraint(
            "status IN ('preparing', 'ready', 'issuing', 'stopped', 'done', 'dropped', 'failed')",
            name="status_is_known",
        ),
        CheckConstraint("spent_choice IN ('', 'leave', 'invoice')", name="spent_choice_is_known"),
        CheckConstraint("done_line >= 0", name="done_line_goes_forward"),
        CheckConstraint("posted >= 0", name="posted_is_counted"),
        CheckConstraint("skipped >= 0", name="skipped_is_counted"),
        Index("ix_batches_incident_id", "incident_id", "id"),
        Index("ix_batches_status", "status", "id"),
        Index("ix_batches_reverses_id", "reverses_id"),
        Index("ix_batches_source_digest", "source_digest"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(200))
    incident_id: Mapped[int | None] = mapped_column(BigInteger)
    """A row of `incidents`, which keeps every row."""
    reverses_id: Mapped[int | None] = mapped_column(BigInteger)
    """The batch that a reversal takes back."""
    credit_round: Mapped[int]
    """The incident's round when the lines were worked out."""
    terms: Mapped[str] = mapped_column(Text)
    """What its lines were worked out by, as JSON: the policy and the outage as they were then."""
    reason_id: Mapped[int | None] = mapped_column(BigInteger)
    customer_note: Mapped[str] = mapped_column(String(500))
    note: Mapped[str] = mapped_column(String(2000))
    problem: Mapped[str] = mapped_column(String(500))
    source_name: Mapped[str] = mapped_column(String(200))
    """The file's name, of an import."""
    source_digest: Mapped[str] = mapped_column(String(64))
    spent_choice: Mapped[str] = mapped_column(String(8))
    """Of a reversal: what happens where the credit has been spent."""
    lines: Mapped[int]
    """How many lines it has; while it is being prepared, so far."""
    expected: Mapped[int]
    """How many lines there will be about, while it is being prepared; 0: nobody knows."""
    prepared_customer: Mapped[int] = mapped_column(BigInteger)
    prepared_item: Mapped[int] = mapped_column(BigInteger)
    """How far the preparation has come: after this customer and subscription, or this byte of the file."""
    to_post: Mapped[int]
    """How many lines were to be posted when it was confirmed."""
    to_post_minor: Mapped[int] = mapped_column(BigInteger)
    """Their sum; minus where more is taken than given."""
    done_line: Mapped[int]
    """The last line that has been dealt with."""
    posted: Mapped[int]
    posted_minor: Mapped[int] = mapped_column(BigInteger)
    skipped: Mapped[int]
    made_by: Mapped[int | None] = mapped_column(BigInteger)
    issued_by: Mapped[int | None] = mapped_column(BigInteger)
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BatchLine(Base):
    """One line of a batch: at most one entry. Fixed once the batch is issued, but for what became of it.

    Lines are numbered from 1 by rising customer, so that a chunk of lines is a chunk of customers; those of a file
    are numbered as the file has them.
    """

    __tablename__ = "batch_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_batch_lines_subscription",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor BETWEEN -100000000000 AND 100000000000", name="amount_is_in_range"),
        Index("ix_batch_lines_customer_id", "batch_id", "customer_id", "line"),
        Index("ix_batch_lines_amount", "batch_id", "amount_minor", "line"),
        Index(
            "ix_batch_lines_flag",
            *("batch_id", "flag", "line"),
            postgresql_where=text("flag <> ''"),
            sqlite_where=text("flag <> ''"),
        ),
        Index(
            "uq_batch_lines_row_hash",
            *("batch_id", "row_hash"),
            unique=True,
            postgresql_where=text("row_hash IS NOT NULL"),
            sqlite_where=text("row_hash IS NOT NULL"),
        ),
    )

    batch_id: Mapped[int] = mapped_column(
        Id, ForeignKey("batches.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int | None] = mapped_column(Id, ForeignKey("customers.id", ondelete="RESTRICT"))
    """None where the line of a file names nobody."""
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    label: Mapped[str] = mapped_column(String(330))
    """What was hit, as it was called then; or how the line of a file names the customer."""
    price_minor: Mapped[int | None] = mapped_column(BigInteger)
    months: Mapped[int | None] = mapped_column(SmallInteger)
    """How many months the price is for."""
    tax_bp: Mapped[int | None]
    down_seconds: Mapped[int | None]
    """What counts of the outage for this subscription."""
    computed_minor: Mapped[int] = mapped_column(BigInteger)
    """What the policy says, or the file."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    """What is posted: `computed_minor`, unless somebody has changed it; of a reversal, what was taken, minus."""
    changed_why: Mapped[str] = mapped_column(String(200))
    changed_by: Mapped[int | None] = mapped_column(BigInteger)
    is_included: Mapped[bool]
    flag: Mapped[str] = mapped_column(String(10))
    problem: Mapped[str] = mapped_column(String(300))
    """What the flag is about, in a sentence."""
    outcome: Mapped[str] = mapped_column(String(300))
    """Why it was skipped when the batch was issued, in a sentence; empty: it was not."""
    reason_id: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(2000))
    customer_note: Mapped[str] = mapped_column(String(500))
    ticket_ref: Mapped[str] = mapped_column(String(200))
    row_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Of the line of a file: what makes it the same as another."""
    entry_key: Mapped[str] = mapped_column(String(100))
    """The idempotency key of its entry; empty: made of batch and line."""
    invoice_id: Mapped[int | None] = mapped_column(BigInteger)
    """The invoice that was raised for what had been spent, of a reversal."""


class BatchPart(Base):
    """A piece of an uploaded file, until its lines have been read."""

    __tablename__ = "batch_parts"

    batch_id: Mapped[int] = mapped_column(
        Id, ForeignKey("batches.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
