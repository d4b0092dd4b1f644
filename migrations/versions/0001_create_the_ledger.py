"""Create the ledger, complete for the whole product: every kind, every link, and the bare rows entries point to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")

OF_CUSTOMER = (
    "credit_accounts",
    "invoices",
    "payments",
    "subscriptions",
    "credit_entries",
    "credit_entry_texts",
    "credit_lots",
    "credit_draws",
)
"""Tables that can be spread by customer: one customer is one shard."""

APPEND_ONLY = ("credit_entries", "credit_draws", "audit_log", "credit_kinds")
KEPT = (
    "credit_accounts",
    "credit_lots",
    "credit_entry_texts",
    "audit_details",
    "credit_totals",
    "audit_head",
)
"""Rows that may change, each in its own way, but never go."""

ZERO_HASH = bytes(32)

ADJUSTMENTS = "kind IN ('added', 'removed', 'correction', 'opening', 'reversal', 'void')"

KINDS = (
    ("added", 1, "issues"),
    ("removed", -1, "spends"),
    ("opening", 1, "issues"),
    ("correction", 0, "by_sign"),
    ("overpayment", 1, "issues"),
    ("duplicate_payment", 1, "issues"),
    ("loose_payment", 1, "issues"),
    ("applied", -1, "spends"),
    ("unapplied", 1, "gives_back"),
    ("returned", 1, "gives_back"),
    ("invoice_refund", 1, "issues"),
    ("top_up", 1, "issues"),
    ("credit_refund", -1, "spends"),
    ("chargeback", -1, "spends"),
    ("downtime", 1, "issues"),
    ("promo", 1, "issues"),
    ("referral", 1, "issues"),
    ("expired", -1, "spends"),
    ("void", -1, "by_original"),
    ("reversal", 0, "by_original"),
    ("transfer_out", -1, "spends"),
    ("transfer_in", 1, "issues"),
    ("merged_out", -1, "spends"),
    ("merged_in", 1, "issues"),
)

REASONS = (
    # name, direction, quiet, note required, class, days to expiry, what the customer reads
    ("Courtesy", "add", False, False, "goodwill", None, "A credit from us to you"),
    ("Billing error", "both", False, False, "paid", None, "Correction of a billing error"),
    ("Downtime", "add", False, False, "goodwill", None, "Credit for downtime"),
    ("Promotion", "add", False, False, "promotional", 365, "Promotional credit"),
    ("Refund as credit", "add", False, False, "paid", None, "Refund to your credit balance"),
    ("Entered by mistake", "remove", False, False, "goodwill", None, "Correction of an earlier credit"),
    ("Abuse or fraud", "remove", False, True, "goodwill", None, "Credit removed"),
    ("Balance correction", "both", True, False, "goodwill", None, "Balance correction"),
)

TABLES = (
    "batches",
    "credit_kinds",
    "customers",
    "incidents",
    "promo_codes",
    "reasons",
    "settings",
    "invoices",
    "payments",
    "subscriptions",
    "roles",
    "log_ins",
    "form_drafts",
    "log_in_sessions",
    "staff",
    "credit_days",
    "credit_totals",
    "credit_accounts",
    "credit_entries",
    "credit_entry_texts",
    "credit_lots",
    "credit_draws",
    "audit_head",
    "audit_log",
    "rate_windows",
    "request_keys",
    "audit_details",
)


def upgrade() -> None:
    """Make every table, its guards, its search index and the rows the application counts on."""
    _create_references()
    _create_people()
    _create_ledger()
    _create_audit()
    _create_search()
    _guard_history()
    _seed()


def _create_references() -> None:
    create("batches", sa.Column("id", ID, nullable=False), sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")))
    create(
        "credit_kinds",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("sign", sa.SmallInteger(), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.CheckConstraint(
            "effect IN ('issues', 'spends', 'gives_back', 'by_sign', 'by_original')",
            name=op.f("ck_credit_kinds_effect_is_known"),
        ),
        sa.CheckConstraint("sign IN (-1, 0, 1)", name=op.f("ck_credit_kinds_sign_is_known")),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_credit_kinds")),
    )
    create(
        "customers",
        sa.Column("id", ID, nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("company", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("email_key", KEY, nullable=False),
        sa.Column("search_key", sa.Text(), nullable=False),
        sa.Column("merged_into_id", ID, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into_id IS NOT NULL)",
            name=op.f("ck_customers_merged_names_the_survivor"),
        ),
        sa.CheckConstraint("name <> ''", name=op.f("ck_customers_has_a_name")),
        sa.CheckConstraint(
            "status IN ('active', 'inactive', 'merged', 'closed')", name=op.f("ck_customers_status_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"],
            ["customers.id"],
            name=op.f("fk_customers_merged_into_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("external_id", name=op.f("uq_customers_external_id")),
    )
    op.create_index("ix_customers_email_key", "customers", ["email_key", "id"])
    op.create_index("ix_customers_joined_on", "customers", ["joined_on", "id"])
    op.create_index("ix_customers_name_key", "customers", ["name_key", "id"])
    create(
        "incidents",
        sa.Column("id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    create(
        "promo_codes",
        sa.Column("id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promo_codes")),
    )
    create(
        "reasons",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_quiet", sa.Boolean(), nullable=False),
        sa.Column("note_required", sa.Boolean(), nullable=False),
        sa.Column("note_above_minor", sa.BigInteger(), nullable=True),
        sa.Column("class", sa.String(length=12), nullable=False),
        sa.Column("expires_after_days", sa.Integer(), nullable=True),
        sa.Column("customer_text", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("class IN ('paid', 'goodwill', 'promotional')", name=op.f("ck_reasons_class_is_known")),
        sa.CheckConstraint("direction IN ('add', 'remove', 'both')", name=op.f("ck_reasons_direction_is_known")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_reasons_has_a_name")),
        sa.CheckConstraint("expires_after_days BETWEEN 1 AND 3660", name=op.f("ck_reasons_expiry_is_within_ten_years")),
        sa.CheckConstraint("note_above_minor >= 0", name=op.f("ck_reasons_note_limit_is_an_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reasons")),
        sa.UniqueConstraint("name_key", name=op.f("uq_reasons_name_key")),
    )
    create(
        "settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("credits_enabled", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("company_name", sa.String(length=80), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("duplicate_window_days", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "duplicate_window_days BETWEEN 0 AND 90", name=op.f("ck_settings_duplicate_window_is_short")
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_settings_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
    )
    create(
        "invoices",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_invoices_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_invoices")),
    )
    create(
        "payments",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_payments_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_payments")),
    )
    create(
        "subscriptions",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_subscriptions_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_subscriptions")),
    )


def _create_people() -> None:
    create(
        "roles",
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("add_max_minor", sa.BigInteger(), nullable=True),
        sa.Column("remove_max_minor", sa.BigInteger(), nullable=True),
        sa.Column("reverses_own_only", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "add_max_minor > 0 AND add_max_minor <= 100000000000",
            name=op.f("ck_roles_add_limit_is_an_amount"),
        ),
        sa.CheckConstraint(
            "remove_max_minor > 0 AND remove_max_minor <= 100000000000",
            name=op.f("ck_roles_remove_limit_is_an_amount"),
        ),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_roles")),
    )
    create(
        "log_ins",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", MOMENT, nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(kind = 'customer') = (customer_id IS NOT NULL)",
            name=op.f("ck_log_ins_customer_log_in_has_a_customer"),
        ),
        sa.CheckConstraint("kind IN ('staff', 'customer')", name=op.f("ck_log_ins_kind_is_known")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_log_ins_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_ins")),
        sa.UniqueConstraint("kind", "email_key", name="uq_log_ins_kind_email_key"),
    )
    create(
        "form_drafts",
        sa.Column("id", sa.String(length=43), nullable=False),
        sa.Column("log_in_id", ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["log_in_id"], ["log_ins.id"], name=op.f("fk_form_drafts_log_in_id_log_ins"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_drafts")),
    )
    op.create_index("ix_form_drafts_created_at", "form_drafts", ["created_at"])
    create(
        "log_in_sessions",
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_in_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_in_id"],
            ["log_ins.id"],
            name=op.f("fk_log_in_sessions_log_in_id_log_ins"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_log_in_sessions")),
    )
    op.create_index("ix_log_in_sessions_ends_at", "log_in_sessions", ["ends_at"])
    op.create_index("ix_log_in_sessions_log_in_id", "log_in_sessions", ["log_in_id"])
    create(
        "staff",
        sa.Column("id", ID, nullable=False),
        sa.Column("log_in_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_staff_has_a_name")),
        sa.ForeignKeyConstraint(
            ["log_in_id"], ["log_ins.id"], name=op.f("fk_staff_log_in_id_log_ins"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["role"], ["roles.role"], name=op.f("fk_staff_role_roles"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("log_in_id", name=op.f("uq_staff_log_in_id")),
    )


def _create_ledger() -> None:
    create(
        "credit_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason_id", ID, autoincrement=False, nullable=False),
        sa.Column("class", sa.String(length=12), nullable=False),
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "reason_id", "class", "shard", name=op.f("pk_credit_days")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_credit_days_reason_id", "credit_days", ["reason_id", "day"])
    create(
        "credit_totals",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("holders", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_credit_totals")),
        postgresql_with={"fillfactor": 10},
    )
    create(
        "credit_accounts",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=True),
        sa.Column("frozen_at", MOMENT, nullable=True),
        sa.Column("frozen_reason", sa.String(length=200), nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(frozen_at IS NULL) = (frozen_reason IS NULL)", name=op.f("ck_credit_accounts_freeze_says_why")
        ),
        sa.CheckConstraint(
            "balance_minor BETWEEN 0 AND 1000000000000",
            name=op.f("ck_credit_accounts_balance_is_never_below_zero"),
        ),
        sa.CheckConstraint("entry_seq >= 0", name=op.f("ck_credit_accounts_sequence_counts_up")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_credit_accounts_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_credit_accounts")),
        postgresql_with={"fillfactor": 70},
    )
    create(
        "credit_entries",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("balance_after_minor", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("is_quiet", sa.Boolean(), nullable=False),
        sa.Column("reason_id", ID, nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("incident_id", ID, nullable=True),
        sa.Column("promo_code_id", ID, nullable=True),
        sa.Column("reversed_seq", sa.BigInteger(), nullable=True),
        sa.Column("other_customer_id", ID, nullable=True),
        sa.Column("other_seq", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("posted_at", MOMENT, nullable=False),
        sa.Column("text_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("(actor = 'system') = (actor_id IS NULL)", name=op.f("ck_credit_entries_actor_is_somebody")),
        sa.CheckConstraint(
            "(kind IN ('reversal', 'void')) = (reversed_seq IS NOT NULL)",
            name=op.f("ck_credit_entries_reversal_names_its_entry"),
        ),
        sa.CheckConstraint(
            "actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_credit_entries_actor_is_known")
        ),
        sa.CheckConstraint(
            "kind NOT IN ('added', 'removed', 'correction') OR actor <> 'system'",
            name=op.f("ck_credit_entries_manual_entry_has_a_maker"),
        ),
        sa.CheckConstraint(
            "(other_customer_id IS NULL) = (other_seq IS NULL)",
            name=op.f("ck_credit_entries_other_half_is_whole"),
        ),
        sa.CheckConstraint(
            "amount_minor <> 0 AND amount_minor BETWEEN -100000000000 AND 100000000000",
            name=op.f("ck_credit_entries_amount_is_in_range"),
        ),
        sa.CheckConstraint(
            "balance_after_minor BETWEEN 0 AND 1000000000000",
            name=op.f("ck_credit_entries_balance_after_is_never_below_zero"),
        ),
        sa.CheckConstraint("seq > 0", name=op.f("ck_credit_entries_sequence_starts_at_one")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_credit_entries_batch_id_batches"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_credit_entries_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_credit_entries_payment",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "reversed_seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_entries_reversed",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_credit_entries_subscription",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["credit_accounts.customer_id"],
            name=op.f("fk_credit_entries_customer_id_credit_accounts"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_credit_entries_incident_id_incidents"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["kind"],
            ["credit_kinds.kind"],
            name=op.f("fk_credit_entries_kind_credit_kinds"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["other_customer_id"],
            ["customers.id"],
            name=op.f("fk_credit_entries_other_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["promo_code_id"],
            ["promo_codes.id"],
            name=op.f("fk_credit_entries_promo_code_id_promo_codes"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["reason_id"],
            ["reasons.id"],
            name=op.f("fk_credit_entries_reason_id_reasons"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "seq", name=op.f("pk_credit_entries")),
        sa.UniqueConstraint("customer_id", "key", name="uq_credit_entries_customer_id_key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_credit_entries_adjustments",
        "credit_entries",
        ["posted_at", "customer_id", "seq"],
        postgresql_where=sa.text(f"{ADJUSTMENTS} AND NOT is_quiet"),
        sqlite_where=sa.text(f"{ADJUSTMENTS} AND NOT is_quiet"),
    )
    for name, column, others, where in (
        ("kind", "kind", ["reason_id", "actor", "actor_id"], ADJUSTMENTS),
        ("reason_id", "reason_id", ["kind", "actor", "actor_id"], "reason_id IS NOT NULL"),
        ("staff", "actor_id", ["kind", "actor", "reason_id"], "actor = 'staff'"),
    ):
        op.create_index(
            f"ix_credit_entries_{name}",
            "credit_entries",
            [column, "posted_at", "customer_id", "seq", "is_quiet", *others],
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )
    op.create_index("ix_credit_entries_posted_at", "credit_entries", ["posted_at", "customer_id", "seq"])
    op.create_index(
        "ix_credit_entries_reversed_seq",
        "credit_entries",
        ["customer_id", "reversed_seq"],
        postgresql_where=sa.text("reversed_seq IS NOT NULL"),
        sqlite_where=sa.text("reversed_seq IS NOT NULL"),
    )
    create(
        "credit_entry_texts",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("customer_note", sa.Text(), nullable=True),
        sa.Column("ticket_ref", sa.String(length=200), nullable=True),
        sa.Column("search_key", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=True),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_entry_texts_entry",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "seq", name=op.f("pk_credit_entry_texts")),
    )
    create(
        "credit_lots",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class", sa.String(length=12), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("remaining_minor", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.CheckConstraint("class IN ('paid', 'goodwill', 'promotional')", name=op.f("ck_credit_lots_class_is_known")),
        sa.CheckConstraint("opening_minor > 0", name=op.f("ck_credit_lots_opening_is_positive")),
        sa.CheckConstraint(
            "remaining_minor BETWEEN 0 AND opening_minor",
            name=op.f("ck_credit_lots_remaining_is_within_opening"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_lots_entry",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "seq", name=op.f("pk_credit_lots")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_credit_lots_open",
        "credit_lots",
        ["customer_id", "expires_at", "seq"],
        postgresql_where=sa.text("remaining_minor > 0"),
        sqlite_where=sa.text("remaining_minor > 0"),
    )
    create(
        "credit_draws",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_credit_draws_amount_is_not_zero")),
        sa.ForeignKeyConstraint(
            ["customer_id", "entry_seq"],
            ["credit_entries.customer_id", "credit_entries.seq"],
            name="fk_credit_draws_entry",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "lot_seq"],
            ["credit_lots.customer_id", "credit_lots.seq"],
            name="fk_credit_draws_lot",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_seq", "lot_seq", name=op.f("pk_credit_draws")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_credit_draws_lot_seq", "credit_draws", ["customer_id", "lot_seq", "entry_seq"])


def _create_audit() -> None:
    create(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    create(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("object_kind", sa.String(length=20), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("details_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_audit_log_actor_is_known")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_log_hash")),
    )
    op.create_index("ix_audit_log_actor", "audit_log", ["actor", "actor_id", "seq"])
    op.create_index("ix_audit_log_object", "audit_log", ["object_kind", "object_id", "seq"])
    create(
        "rate_windows",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_windows")),
    )
    op.create_index("ix_rate_windows_ends_at", "rate_windows", ["ends_at"])
    create(
        "request_keys",
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_request_keys")),
    )
    op.create_index("ix_request_keys_created_at", "request_keys", ["created_at"])
    create(
        "audit_details",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=True),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["seq"], ["audit_log.seq"], name=op.f("fk_audit_details_seq_audit_log"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_details")),
    )


def create(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> None:  # noqa: ANN401  (create_table's own)
    """Create a table; on a partitioned installation, one that is spread by customer, with its partitions."""
    partitions = context.get_context().opts["partitions"]
    spread = bool(partitions) and name in OF_CUSTOMER
    if spread:
        options.pop("postgresql_with", None)
        options["postgresql_partition_by"] = "HASH (customer_id)"
    op.create_table(name, *columns, *_whole_numbers(columns), **options)
    if spread:
        for remainder in range(partitions):
            op.execute(
                f"CREATE TABLE {name}_{remainder} PARTITION OF {name} "
                f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {remainder})"
            )


def _whole_numbers(columns: tuple[sa.schema.SchemaItem, ...]) -> list[sa.CheckConstraint]:
    """SQLite stores what it is given: make it refuse an amount that is not a whole number."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    names = [c.name for c in columns if isinstance(c, sa.Column) and c.name.endswith("_minor")]
    return [sa.CheckConstraint(f"typeof({name}) IN ('integer', 'null')", name=f"{name}_is_whole") for name in names]


def _create_search() -> None:
    """Index what people type into search boxes, three letters and up."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute("CREATE INDEX ix_customers_search_key ON customers USING gin (search_key gin_trgm_ops)")
        op.execute(
            "CREATE INDEX ix_credit_entry_texts_search_key ON credit_entry_texts USING gin (search_key gin_trgm_ops)"
        )
        return
    for table, search in (("customers", "customer_search"), ("credit_entry_texts", "note_search")):
        op.execute(
            f"CREATE VIRTUAL TABLE {search} USING fts5"
            f"(search_key, content='{table}', content_rowid='rowid', tokenize='trigram', detail='full')"
        )
        op.execute(
            f"CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} "
            f"WHEN new.search_key IS NOT NULL BEGIN INSERT INTO {search}(rowid, search_key) VALUES (new.rowid, new.search_key); END"
        )
        forget = f"INSERT INTO {search}({search}, rowid, search_key) VALUES ('delete', old.rowid, old.search_key); END"
        # Before, not after: SQLite runs the newest trigger first, and forgetting last would forget what both texts share.
        op.execute(
            f"CREATE TRIGGER {table}_search_forget BEFORE UPDATE OF search_key ON {table} "
            f"WHEN old.search_key IS NOT NULL BEGIN {forget}"
        )
        op.execute(
            f"CREATE TRIGGER {table}_search_learn AFTER UPDATE OF search_key ON {table} "
            f"WHEN new.search_key IS NOT NULL BEGIN "
            f"INSERT INTO {search}(rowid, search_key) VALUES (new.rowid, new.search_key); END"
        )
        op.execute(
            f"CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} "
            f"WHEN old.search_key IS NOT NULL BEGIN {forget}"
        )


TEXT_ERASED = (
    "{n}.note IS NULL AND {n}.customer_note IS NULL AND {n}.ticket_ref IS NULL AND {n}.search_key IS NULL "
    "AND {n}.salt IS NULL AND {n}.erased_at IS NOT NULL AND {n}.customer_id = {o}.customer_id AND {n}.seq = {o}.seq"
)
DETAILS_ERASED = "{n}.details IS NULL AND {n}.salt IS NULL AND {n}.erased_at IS NOT NULL AND {n}.seq = {o}.seq"
LOT_KEPT = (
    "{n}.customer_id = {o}.customer_id AND {n}.seq = {o}.seq AND {n}.class = {o}.class "
    "AND {n}.opening_minor = {o}.opening_minor"
)
ACCOUNT_KEPT = "{n}.customer_id = {o}.customer_id AND {n}.entry_seq >= {o}.entry_seq"
CHANGES = (
    ("credit_lots", LOT_KEPT),
    ("credit_entry_texts", TEXT_ERASED),
    ("audit_details", DETAILS_ERASED),
    ("credit_accounts", ACCOUNT_KEPT),
)
"""The only ways in which rows of these tables may change."""


def _guard_history() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table in APPEND_ONLY:
        _always(table, "append_only", "BEFORE UPDATE OR DELETE", "FOR EACH ROW")
    for table in KEPT:
        _always(table, "no_delete", "BEFORE DELETE", "FOR EACH ROW")
    partitions = context.get_context().opts["partitions"]
    for table in (*APPEND_ONLY, *KEPT):
        _always(table, "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
        for remainder in range(partitions if table in OF_CUSTOMER else 0):  # rows' triggers are inherited, this is not
            _always(f"{table}_{remainder}", "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
    for table, kept in CHANGES:
        unless = kept.format(n="NEW", o="OLD")
        _always(table, "kept", "BEFORE UPDATE", f"FOR EACH ROW WHEN (NOT ({unless}))")


def _always(table: str, name: str, when: str, how: str) -> None:
    op.execute(f"CREATE TRIGGER {table}_{name} {when} ON {table} {how} EXECUTE FUNCTION refuse_change()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def _guard_on_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, '{} is append-only'); END"
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse.format(table)}")
    for table in (*APPEND_ONLY, *KEPT):
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse.format(table)}")
        key = " AND ".join(f"{column} = new.{column}" for column in _key_of(table))
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) {refuse.format(table)}"
        )
    for table, kept in CHANGES:
        unless = kept.format(n="new", o="old")
        op.execute(f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} WHEN NOT ({unless}) {refuse.format(table)}")


def _key_of(table: str) -> list[str]:
    return list(sa.inspect(op.get_bind()).get_pk_constraint(table)["constrained_columns"])


def _seed() -> None:
    kinds = sa.table("credit_kinds", sa.column("kind"), sa.column("sign"), sa.column("effect"))
    op.bulk_insert(kinds, [{"kind": kind, "sign": sign, "effect": effect} for kind, sign, effect in KINDS])
    roles = sa.table("roles", sa.column("role"), sa.column("reverses_own_only", sa.Boolean))
    op.bulk_insert(
        roles,
        [{"role": role, "reverses_own_only": role == "agent"} for role in ("admin", "manager", "agent", "auditor")],
    )
    settings = sa.table(
        "settings",
        sa.column("id"),
        sa.column("credits_enabled", sa.Boolean),
        sa.column("currency"),
        sa.column("company_name"),
        sa.column("time_zone"),
        sa.column("duplicate_window_days"),
        sa.column("version"),
        sa.column("updated_at", MOMENT),
    )
    moment: Any = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        moment = int(moment.timestamp()) * 1_000_000
    op.bulk_insert(
        settings,
        [
            {
                "id": 1,
                "credits_enabled": True,
                "currency": "USD",
                "company_name": "Credit desk",
                "time_zone": "UTC",
                "duplicate_window_days": 7,
                "version": 1,
                "updated_at": moment,
            }
        ],
    )
    names = ("name", "direction", "is_quiet", "note_required", "class", "expires_after_days", "customer_text")
    reasons = sa.table(
        "reasons",
        *[sa.column(name, sa.Boolean) if name in {"is_quiet", "note_required"} else sa.column(name) for name in names],
        sa.column("is_active", sa.Boolean),
        sa.column("name_key"),
        sa.column("position"),
        sa.column("version"),
    )
    op.bulk_insert(
        reasons,
        [
            dict(zip(names, reason, strict=True))
            | {"is_active": True, "name_key": reason[0].casefold(), "position": position, "version": 1}
            for position, reason in enumerate(REASONS, start=1)
        ],
    )
    totals = sa.table("credit_totals", sa.column("shard"), sa.column("balance_minor"), sa.column("holders"))
    op.bulk_insert(totals, [{"shard": shard, "balance_minor": 0, "holders": 0} for shard in range(16)])
    head = sa.table("audit_head", sa.column("id"), sa.column("seq"), sa.column("hash", sa.LargeBinary))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": ZERO_HASH}])


def downgrade() -> None:
    """Take everything down. A ledger that holds entries goes only with `-x destroy=yes`.

    Raises:
        RuntimeError: there are entries, and nobody said that they may go.
    """
    has_entries = op.get_bind().exec_driver_sql("SELECT 1 FROM credit_entries LIMIT 1").first() is not None
    if has_entries and context.get_x_argument(as_dictionary=True).get("destroy") != "yes":
        raise RuntimeError(
            "The ledger holds entries, and this would destroy all of them. "
            "If that is what you want: flask db downgrade -x destroy=yes base"
        )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE note_search")
        op.execute("DROP TABLE customer_search")
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
