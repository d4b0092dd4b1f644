"""Create what money comes in by: gateways, refunds, promo codes, referrals, one-use links and mail."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
MINOR_MAX = 100_000_000_000

OF_CUSTOMER = ("payment_intents", "refunds", "promo_uses", "referrals")
"""Tables that can be spread by customer: one customer is one shard."""
KEPT = ("payment_intents", "captures", "gateway_events", "refunds", "promo_uses", "referrals")
"""Rows that may change but never go."""
TABLES = (
    *("sandbox_callbacks", "sandbox_refunds", "sandbox_charges", "sandbox_sessions"),
    *("mail_texts", "mails", "one_time_links", "referrals", "promo_uses"),
    *("refunds", "gateway_events", "captures", "payment_intents"),
)
"""In the order in which they can be dropped."""
COUNTED = ("intents", "refunds")
"""Counters outlive a downgrade: no number is handed out twice."""

Column = tuple[str, sa.types.TypeEngine[Any], str | None, str, str]
SETTINGS: tuple[Column, ...] = (
    ("gateways", sa.String(60), "'bank,sandbox'", "", ""),
    ("bank_details", sa.String(500), "''", "", ""),
    ("top_up_enabled", sa.Boolean(), "TRUE", "", ""),
    ("top_up_min_minor", sa.BigInteger(), "500", "top_up_min_is_an_amount", f"BETWEEN 1 AND {MINOR_MAX}"),
    ("top_up_max_minor", sa.BigInteger(), "100000", "top_up_max_is_an_amount", f"BETWEEN 1 AND {MINOR_MAX}"),
    ("balance_max_minor", sa.BigInteger(), "0", "balance_max_is_a_balance", "BETWEEN 0 AND 1000000000000"),
    ("top_up_needs_order", sa.Boolean(), "FALSE", "", ""),
    ("credit_refunds", sa.Boolean(), "FALSE", "", ""),
    ("referrals_enabled", sa.Boolean(), "FALSE", "", ""),
    ("referred_minor", sa.BigInteger(), "0", "referred_is_an_amount", f"BETWEEN 0 AND {MINOR_MAX}"),
    ("referrer_minor", sa.BigInteger(), "0", "referrer_is_an_amount", f"BETWEEN 0 AND {MINOR_MAX}"),
    ("mail_from", sa.String(254), "''", "", ""),
    ("low_balance_minor", sa.BigInteger(), "0", "low_balance_is_an_amount", f"BETWEEN 0 AND {MINOR_MAX}"),
    ("expiry_notice_days", sa.Integer(), "14", "expiry_notice_is_short", "BETWEEN 0 AND 90"),
)
"""Name, type, what it is where nobody has said otherwise, and the CHECK with its name; no default: it may be empty."""
PAYMENTS: tuple[Column, ...] = (
    ("refunded_minor", sa.BigInteger(), "0", "no_more_goes_back_than_came", "BETWEEN 0 AND amount_minor"),
)
PROMO_CODES: tuple[Column, ...] = (
    ("code", sa.String(40), "''", "", ""),
    ("code_key", sa.Text(), "''", "", ""),
    ("description", sa.String(200), "''", "", ""),
    ("amount_minor", sa.BigInteger(), None, "amount_is_in_range", f"BETWEEN 1 AND {MINOR_MAX}"),
    ("percent_bp", sa.Integer(), None, "percent_is_a_rate", "BETWEEN 1 AND 10000"),
    ("most_minor", sa.BigInteger(), None, "most_is_in_range", f"BETWEEN 1 AND {MINOR_MAX}"),
    ("grants_when_paid", sa.Boolean(), "FALSE", "", ""),
    ("once_per_customer", sa.Boolean(), "TRUE", "", ""),
    ("first_order_only", sa.Boolean(), "FALSE", "", ""),
    ("uses_max", sa.Integer(), None, "uses_max_is_positive", "> 0"),
    ("uses", sa.Integer(), "0", "uses_are_counted", ">= 0"),
    ("starts_on", sa.Date(), None, "", ""),
    ("ends_on", sa.Date(), None, "", ""),
    ("days_to_expiry", sa.Integer(), None, "expiry_is_in_range", "BETWEEN 1 AND 3660"),
    ("is_active", sa.Boolean(), "FALSE", "", ""),
    ("version", sa.Integer(), "1", "", ""),
    ("created_at", MOMENT, "0", "", ""),
    ("updated_at", MOMENT, "0", "", ""),
)


def upgrade() -> None:
    """Make the tables, and add to those that are there. A promo code that was a mere key is named by its number."""
    _create_gateways()
    _create_sandbox()
    _create_promos()
    _create_mail()
    _add("settings", SETTINGS)
    _add("payments", PAYMENTS)
    _add("promo_codes", PROMO_CODES)
    op.execute("UPDATE promo_codes SET code = 'RESTORED-' || id, code_key = 'restored-' || id")
    op.create_index("uq_promo_codes_code_key", "promo_codes", ["code_key"], unique=True)
    op.add_column("customers", sa.Column("referral_code", sa.String(length=16), nullable=True))
    op.create_index("uq_customers_referral_code", "customers", ["referral_code"], unique=True)
    op.create_index("ix_payments_received_on", "payments", ["received_on", "id"])
    for name in COUNTED:
        op.execute(
            f"INSERT INTO id_counters (name, next_id) SELECT '{name}', 1 "
            f"WHERE NOT EXISTS (SELECT 1 FROM id_counters WHERE name = '{name}')"
        )
    _guard()


def _add(table: str, columns: tuple[Column, ...]) -> None:
    """Add columns, each with its CHECKs: SQLite takes one only together with its column."""
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    for name, type_, default, check_name, check in columns:
        words = [f"ALTER TABLE {table} ADD COLUMN {name} {type_.compile(bind.dialect)}"]
        if default is not None:
            is_moment = type_ is MOMENT and not sqlite
            words.append(f"DEFAULT {'now()' if is_moment else default} NOT NULL")
        if check:
            words.append(f"CONSTRAINT ck_{table}_{check_name} CHECK ({name} {check})")
        if sqlite and name.endswith("_minor"):
            words.append(f"CONSTRAINT ck_{table}_{name}_is_whole CHECK (typeof({name}) IN ('integer', 'null'))")
        op.execute(" ".join(words))


def _create_gateways() -> None:
    create(
        "payment_intents",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("session_ref", sa.String(length=120), nullable=False),
        sa.Column("page_url", sa.Text(), nullable=False),
        sa.Column("failure", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_payment_intents_actor_is_known")
        ),
        sa.CheckConstraint(
            "status IN ('started', 'pending', 'succeeded', 'failed')", name=op.f("ck_payment_intents_status_is_known")
        ),
        sa.CheckConstraint(
            "amount_minor BETWEEN 1 AND 100000000000", name=op.f("ck_payment_intents_amount_is_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_payment_intents_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_payment_intents_customer_id_customers"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_payment_intents")),
        sa.UniqueConstraint("customer_id", "key", name="uq_payment_intents_customer_id_key"),
    )
    op.create_index("ix_payment_intents_id", "payment_intents", ["id"])
    op.create_index("ix_payment_intents_invoice_id", "payment_intents", ["customer_id", "invoice_id"])
    op.create_index(
        "ix_payment_intents_open",
        "payment_intents",
        ["created_at", "customer_id", "id"],
        postgresql_where=sa.text("status IN ('started', 'pending')"),
        sqlite_where=sa.text("status IN ('started', 'pending')"),
    )
    create(
        "captures",
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=120), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("intent_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column("is_dispute_closed", sa.Boolean(), nullable=False),
        sa.Column("taken_back_minor", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("captured_minor BETWEEN 0 AND 100000000000", name=op.f("ck_captures_captured_is_in_range")),
        sa.CheckConstraint(
            "refunded_minor >= 0 AND disputed_minor >= 0", name=op.f("ck_captures_what_goes_back_is_positive")
        ),
        sa.CheckConstraint(
            "taken_back_minor BETWEEN 0 AND captured_minor", name=op.f("ck_captures_no_more_is_taken_back_than_came")
        ),
        sa.PrimaryKeyConstraint("gateway", "ref", name=op.f("pk_captures")),
    )
    op.create_index("ix_captures_payment", "captures", ["customer_id", "payment_id"])
    create(
        "gateway_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("capture_ref", sa.String(length=120), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("intent_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("resolved_by_id", ID, nullable=True),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "status IN ('done', 'ignored', 'suspense', 'assigned', 'dismissed')",
            name=op.f("ck_gateway_events_status_is_known"),
        ),
        sa.CheckConstraint("deliveries > 0", name=op.f("ck_gateway_events_was_delivered")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_gateway_events_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"], ["staff.id"], name=op.f("fk_gateway_events_resolved_by_id_staff"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_events")),
        sa.UniqueConstraint("gateway", "event_id", name="uq_gateway_events_gateway_event_id"),
    )
    op.create_index("ix_gateway_events_capture", "gateway_events", ["gateway", "capture_ref"])
    op.create_index("ix_gateway_events_status", "gateway_events", ["status", "id"])
    create(
        "refunds",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("entry_seq", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("gateway_ref", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=200), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=True),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_refunds_actor_is_known")),
        sa.CheckConstraint("status IN ('requested', 'done', 'failed')", name=op.f("ck_refunds_status_is_known")),
        sa.CheckConstraint(
            "(invoice_id IS NULL) <> (entry_seq IS NULL)", name=op.f("ck_refunds_is_of_an_invoice_or_of_credit")
        ),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000", name=op.f("ck_refunds_amount_is_in_range")),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_refunds_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_refunds_payment",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("customer_id", "key", name="uq_refunds_customer_id_key"),
    )
    op.create_index("ix_refunds_id", "refunds", ["id"])
    op.create_index("ix_refunds_payment", "refunds", ["customer_id", "payment_id"])
    op.create_index(
        "ix_refunds_requested",
        "refunds",
        ["next_try_at", "customer_id", "id"],
        postgresql_where=sa.text("status = 'requested'"),
        sqlite_where=sa.text("status = 'requested'"),
    )


def _create_sandbox() -> None:
    create(
        "sandbox_sessions",
        sa.Column("ref", sa.String(length=60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_sandbox_sessions_amount_is_positive")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_sandbox_sessions")),
        sa.UniqueConstraint("reference", name=op.f("uq_sandbox_sessions_reference")),
    )
    create(
        "sandbox_charges",
        sa.Column("ref", sa.String(length=60), nullable=False),
        sa.Column("session_ref", sa.String(length=60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND amount_minor",
            name=op.f("ck_sandbox_charges_no_more_is_refunded_than_charged"),
        ),
        sa.ForeignKeyConstraint(
            ["session_ref"],
            ["sandbox_sessions.ref"],
            name=op.f("fk_sandbox_charges_session_ref_sandbox_sessions"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_sandbox_charges")),
    )
    op.create_index("ix_sandbox_charges_session_ref", "sandbox_charges", ["session_ref"])
    create(
        "sandbox_refunds",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("ref", sa.String(length=60), nullable=False),
        sa.Column("charge_ref", sa.String(length=60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_ref"],
            ["sandbox_charges.ref"],
            name=op.f("fk_sandbox_refunds_charge_ref_sandbox_charges"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sandbox_refunds")),
        sa.UniqueConstraint("ref", name=op.f("uq_sandbox_refunds_ref")),
    )
    create(
        "sandbox_callbacks",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_id", sa.String(length=60), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_callbacks")),
        sa.UniqueConstraint("event_id", name=op.f("uq_sandbox_callbacks_event_id")),
    )
    op.create_index(
        "ix_sandbox_callbacks_waiting",
        "sandbox_callbacks",
        ["next_try_at", "id"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
        sqlite_where=sa.text("next_try_at IS NOT NULL"),
    )


def _create_promos() -> None:
    create(
        "promo_uses",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("promo_code_id", ID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(status = 'granted') = (entry_seq IS NOT NULL)", name=op.f("ck_promo_uses_granted_names_its_entry")
        ),
        sa.CheckConstraint("status IN ('pending', 'granted', 'dropped')", name=op.f("ck_promo_uses_status_is_known")),
        sa.CheckConstraint("amount_minor BETWEEN 0 AND 100000000000", name=op.f("ck_promo_uses_amount_is_in_range")),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_promo_uses_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["promo_code_id"],
            ["promo_codes.id"],
            name=op.f("fk_promo_uses_promo_code_id_promo_codes"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "invoice_id", name=op.f("pk_promo_uses")),
    )
    op.create_index("ix_promo_uses_promo_code_id", "promo_uses", ["promo_code_id", "customer_id"])
    create(
        "referrals",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("referrer_id", ID, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("referred_minor", sa.BigInteger(), nullable=False),
        sa.Column("referrer_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("granted_at", MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('pending', 'granted', 'dropped')", name=op.f("ck_referrals_status_is_known")),
        sa.CheckConstraint("customer_id <> referrer_id", name=op.f("ck_referrals_nobody_brings_themselves")),
        sa.CheckConstraint(
            "referred_minor >= 0 AND referrer_minor >= 0", name=op.f("ck_referrals_amounts_are_positive")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_referrals_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_referrals_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["referrer_id"], ["customers.id"], name=op.f("fk_referrals_referrer_id_customers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_referrals")),
    )
    op.create_index("ix_referrals_referrer_id", "referrals", ["referrer_id", "customer_id"])
    op.create_index("ix_referrals_status", "referrals", ["status", "customer_id"])


def _create_mail() -> None:
    create(
        "mails",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'sent', 'failed')", name=op.f("ck_mails_status_is_known")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_mails_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("key", name="uq_mails_key"),
    )
    op.create_index("ix_mails_customer_id", "mails", ["customer_id", "id"])
    op.create_index(
        "ix_mails_waiting",
        "mails",
        ["next_try_at", "id"],
        postgresql_where=sa.text("status = 'waiting'"),
        sqlite_where=sa.text("status = 'waiting'"),
    )
    create(
        "mail_texts",
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_mail_texts")),
    )
    create(
        "one_time_links",
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("log_in_id", ID, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "(purpose = 'reset') = (log_in_id IS NOT NULL)", name=op.f("ck_one_time_links_reset_is_of_a_log_in")
        ),
        sa.CheckConstraint("purpose IN ('invitation', 'reset')", name=op.f("ck_one_time_links_purpose_is_known")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_one_time_links_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["log_in_id"], ["log_ins.id"], name=op.f("fk_one_time_links_log_in_id_log_ins"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_one_time_links")),
    )
    op.create_index("ix_one_time_links_customer_id", "one_time_links", ["customer_id", "purpose"])
    op.create_index("ix_one_time_links_ends_at", "one_time_links", ["ends_at"])


def create(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> None:  # noqa: ANN401  (create_table's own)
    """Create a table; on a partitioned installation, one that is spread by customer, with its partitions."""
    partitions = context.get_context().opts["partitions"]
    spread = bool(partitions) and name in OF_CUSTOMER
    if spread:
        options["postgresql_partition_by"] = "HASH (customer_id)"
    op.create_table(name, *columns, *_whole_numbers(name, columns), **options)
    for remainder in range(partitions if spread else 0):
        op.execute(
            f"CREATE TABLE {name}_{remainder} PARTITION OF {name} "
            f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {remainder})"
        )


def _whole_numbers(table: str, columns: tuple[sa.schema.SchemaItem, ...]) -> list[sa.CheckConstraint]:
    """SQLite stores what it is given: make it refuse an amount that is not a whole number."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    names = [c.name for c in columns if isinstance(c, sa.Column) and c.name.endswith("_minor")]
    return [
        sa.CheckConstraint(f"typeof({name}) IN ('integer', 'null')", name=op.f(f"ck_{table}_{name}_is_whole"))
        for name in names
    ]


def _guard() -> None:
    if op.get_bind().dialect.name == "postgresql":
        partitions = context.get_context().opts["partitions"]
        for table in KEPT:
            _always(table, "no_delete", "BEFORE DELETE", "FOR EACH ROW")
            _always(table, "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
            for remainder in range(partitions if table in OF_CUSTOMER else 0):
                _always(f"{table}_{remainder}", "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
        return
    refuse = "BEGIN SELECT RAISE(ABORT, '{} is append-only'); END"
    for table in KEPT:
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse.format(table)}")
        columns = sa.inspect(op.get_bind()).get_pk_constraint(table)["constrained_columns"]
        key = " AND ".join(f"{column} = new.{column}" for column in columns)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) {refuse.format(table)}"
        )


def _always(table: str, name: str, when: str, how: str) -> None:
    op.execute(f"CREATE TRIGGER {table}_{name} {when} ON {table} {how} EXECUTE FUNCTION refuse_change()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def downgrade() -> None:
    """Take the tables away; what gateways have said goes only with `-x destroy=yes`.

    Raises:
        RuntimeError: there is something, and nobody said that it may go.
    """
    bind = op.get_bind()
    there = [table for table in KEPT if bind.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first()]
    if there and context.get_x_argument(as_dictionary=True).get("destroy") != "yes":
        raise RuntimeError(
            f"There are rows in {' and '.join(there)}, and this would destroy all of them. "
            "If that is what you want: flask db downgrade -x destroy=yes 0002"
        )
    for table in TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM log_in_sessions WHERE log_in_id IN (SELECT id FROM log_ins WHERE kind = 'customer')")
    op.drop_index("ix_payments_received_on", "payments")
    op.drop_index("uq_customers_referral_code", "customers")
    op.drop_column("customers", "referral_code")
    op.drop_index("uq_promo_codes_code_key", "promo_codes")
    for table, columns in (("promo_codes", PROMO_CODES), ("payments", PAYMENTS), ("settings", SETTINGS)):
        for name, *_rest in reversed(columns):
            op.drop_column(table, name)
