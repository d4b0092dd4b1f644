"""The credit ledger: accounts, entries and their texts, lots and draws. Written by `services/ledger.py` alone."""

from __future__ import annotations

from datetime import date, datetime
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
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import Id, UtcDateTime
from creditapp.db import Base


class CreditClass(StrEnum):
    """What kind of money a lot is; only *paid* can ever leave to a payment method."""

    PAID = "paid"
    GOODWILL = "goodwill"
    PROMOTIONAL = "promotional"


class Kind(StrEnum):
    """Why an entry exists. `KINDS` says how each behaves; the table `credit_kinds` holds the same list."""

    ADDED = "added"
    REMOVED = "removed"
    OPENING = "opening"
    CORRECTION = "correction"
    OVERPAYMENT = "overpayment"
    DUPLICATE_PAYMENT = "duplicate_payment"
    LOOSE_PAYMENT = "loose_payment"
    APPLIED = "applied"
    UNAPPLIED = "unapplied"
    RETURNED = "returned"
    INVOICE_REFUND = "invoice_refund"
    TOP_UP = "top_up"
    CREDIT_REFUND = "credit_refund"
    CHARGEBACK = "chargeback"
    DOWNTIME = "downtime"
    PROMO = "promo"
    REFERRAL = "referral"
    EXPIRED = "expired"
    VOID = "void"
    REVERSAL = "reversal"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    MERGED_OUT = "merged_out"
    MERGED_IN = "merged_in"


ADJUSTMENTS = "kind IN ('added', 'removed', 'correction', 'opening', 'reversal', 'void')"
"""The entries that people make by hand, in SQL: a query must say it in these words to be served by their indexes."""
LOUD_ADJUSTMENTS = f"{ADJUSTMENTS} AND NOT is_quiet"


class Effect(StrEnum):
    """What an entry does to lots: makes one, takes from some, or gives back to those taken from."""

    ISSUES = "issues"
    SPENDS = "spends"
    GIVES_BACK = "gives_back"
    BY_SIGN = "by_sign"
    """A positive one issues, a negative one spends (corrections)."""
    BY_ORIGINAL = "by_original"
    """The opposite of what the reversed entry did."""


class CreditAccount(Base):
    """One customer's balance, and *the* lock of that customer's money. Narrow, and nothing that changes is indexed."""

    __tablename__ = "credit_accounts"
    __table_args__ = (
        CheckConstraint("balance_minor BETWEEN 0 AND 1000000000000", name="balance_is_never_below_zero"),
        CheckConstraint("entry_seq >= 0", name="sequence_counts_up"),
        CheckConstraint("(frozen_at IS NULL) = (frozen_reason IS NULL)", name="freeze_says_why"),
        Index(
            "ix_credit_accounts_frozen",
            "customer_id",
            postgresql_where=text("frozen_at IS NOT NULL"),
            sqlite_where=text("frozen_at IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 70}},
    )

    customer_id: Mapped[int] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    balance_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    entry_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    head_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Hash of the newest entry; 32 zero bytes before the first."""
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    frozen_reason: Mapped[str | None] = mapped_column(String(200))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CreditKind(Base):
    """A kind as a row, so that a new one never rebuilds the table of entries."""

    __tablename__ = "credit_kinds"
    __table_args__ = (
        CheckConstraint("sign IN (-1, 0, 1)", name="sign_is_known"),
        CheckConstraint(
            "effect IN ('issues', 'spends', 'gives_back', 'by_sign', 'by_original')", name="effect_is_known"
        ),
    )

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    sign: Mapped[int] = mapped_column(SmallInteger)
    effect: Mapped[str] = mapped_column(String(12))


class CreditEntry(Base):
    """One signed, dated, unchangeable line of the ledger; plus is the customer's. People see `CR-<customer>-<seq>`."""

    __tablename__ = "credit_entries"
    __table_args__ = (
        UniqueConstraint("customer_id", "key", name="uq_credit_entries_customer_id_key"),
        ForeignKeyConstraint(
            ["customer_id", "reversed_seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_entries_reversed",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_credit_entries_invoice",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_credit_entries_payment",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_credit_entries_subscription",
            ondelete="RESTRICT",
        ),
        CheckConstraint(
            "amount_minor <> 0 AND amount_minor BETWEEN -100000000000 AND 100000000000",
            name="amount_is_in_range",
        ),
        CheckConstraint("balance_after_minor BETWEEN 0 AND 1000000000000", name="balance_after_is_never_below_zero"),
        CheckConstraint("seq > 0", name="sequence_starts_at_one"),
        CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name="actor_is_known"),
        CheckConstraint("(actor = 'system') = (actor_id IS NULL)", name="actor_is_somebody"),
        CheckConstraint(
            "kind NOT IN ('added', 'removed', 'correction') OR actor <> 'system'",
            name="manual_entry_has_a_maker",
        ),
        CheckConstraint("(other_customer_id IS NULL) = (other_seq IS NULL)", name="other_half_is_whole"),
        CheckConstraint("(kind IN ('reversal', 'void')) = (reversed_seq IS NOT NULL)", name="reversal_names_its_entry"),
        Index("ix_credit_entries_posted_at", "posted_at", "customer_id", "seq"),
        Index(
            "ix_credit_entries_adjustments",
            "posted_at",
            "customer_id",
            "seq",
            postgresql_where=text(LOUD_ADJUSTMENTS),
            sqlite_where=text(LOUD_ADJUSTMENTS),
        ),
        # These three hold whatever else a list may be filtered by: filters that nothing passes read no entries.
        Index(
            "ix_credit_entries_kind",
            "kind",
            *("posted_at", "customer_id", "seq", "is_quiet", "reason_id", "actor", "actor_id"),
            postgresql_where=text(ADJUSTMENTS),
            sqlite_where=text(ADJUSTMENTS),
        ),
        Index(
            "ix_credit_entries_reason_id",
            "reason_id",
            *("posted_at", "customer_id", "seq", "is_quiet", "kind", "actor", "actor_id"),
            postgresql_where=text("reason_id IS NOT NULL"),
            sqlite_where=text("reason_id IS NOT NULL"),
        ),
        Index(
            "ix_credit_entries_staff",
            "actor_id",
            *("posted_at", "customer_id", "seq", "is_quiet", "kind", "actor", "reason_id"),
            postgresql_where=text("actor = 'staff'"),
            sqlite_where=text("actor = 'staff'"),
        ),
        Index(
            "ix_credit_entries_reversed_seq",
            "customer_id",
            "reversed_seq",
            postgresql_where=text("reversed_seq IS NOT NULL"),
            sqlite_where=text("reversed_seq IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(
        Id,
        ForeignKey("credit_accounts.customer_id", ondelete="RESTRICT"),
        primary_key=True,
        autoincrement=False,
    )
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(ForeignKey("credit_kinds.kind", ondelete="RESTRICT"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    balance_after_minor: Mapped[int] = mapped_column(BigInteger)
    description: Mapped[str] = mapped_column(String(300))
    """The exact wording of the log; no personal words."""
    is_quiet: Mapped[bool] = mapped_column(default=False)
    reason_id: Mapped[int | None] = mapped_column(ForeignKey("reasons.id", ondelete="RESTRICT"))
    invoice_id: Mapped[int | None] = mapped_column(BigInteger)
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batches.id", ondelete="RESTRICT"))
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id", ondelete="RESTRICT"))
    promo_code_id: Mapped[int | None] = mapped_column(ForeignKey("promo_codes.id", ondelete="RESTRICT"))
    reversed_seq: Mapped[int | None] = mapped_column(BigInteger)
    other_customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id", ondelete="RESTRICT"))
    other_seq: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(8))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(100))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    effective_on: Mapped[date]
    day: Mapped[date]
    """The calendar day of `posted_at` in the panel's zone."""
    posted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    text_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Salted digest of the texts; the texts themselves can be erased without breaking the chain."""
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class CreditEntryText(Base):
    """What may hold personal words about an entry. Erasable, otherwise unchangeable."""

    __tablename__ = "credit_entry_texts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_entry_texts_entry",
            ondelete="RESTRICT",
        ),
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    note: Mapped[str | None] = mapped_column(Text)
    customer_note: Mapped[str | None] = mapped_column(Text)
    ticket_ref: Mapped[str | None] = mapped_column(String(200))
    search_key: Mapped[str | None] = mapped_column(Text)
    """Note and ticket, folded in Python, for trigram search."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CreditLot(Base):
    """What one issuing entry still has unspent."""

    __tablename__ = "credit_lots"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_lots_entry",
            ondelete="RESTRICT",
        ),
        CheckConstraint("class IN ('paid', 'goodwill', 'promotional')", name="class_is_known"),
        CheckConstraint("opening_minor > 0", name="opening_is_positive"),
        CheckConstraint("remaining_minor BETWEEN 0 AND opening_minor", name="remaining_is_within_opening"),
        Index(
            "ix_credit_lots_open",
            "customer_id",
            "expires_at",
            "seq",
            postgresql_where=text("remaining_minor > 0"),
            sqlite_where=text("remaining_minor > 0"),
        ),
        Index(
            "ix_credit_lots_expiring",
            "expires_at",
            "customer_id",
            "seq",
            postgresql_where=text("remaining_minor > 0 AND expires_at IS NOT NULL"),
            sqlite_where=text("remaining_minor > 0 AND expires_at IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    class_: Mapped[str] = mapped_column("class", String(12))
    opening_minor: Mapped[int] = mapped_column(BigInteger)
    remaining_minor: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CreditDraw(Base):
    """How much one entry took from one lot (plus) or gave back to it (minus)."""

    __tablename__ = "credit_draws"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "entry_seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_draws_entry",
            ondelete="RESTRICT",
        ),
        ForeignKeyConstraint(
            ["customer_id", "lot_seq"],
            ["credit_lots.customer_id", "credit_lots.seq"],
            name="fk_credit_draws_lot",
            ondelete="RESTRICT",
        ),
        CheckConstraint("amount_minor <> 0", name="amount_is_not_zero"),
        Index("ix_credit_draws_lot_seq", "customer_id", "lot_seq", "entry_seq"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    entry_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    lot_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
