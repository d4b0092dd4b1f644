"""Create the catalogue, subscriptions, invoices and payments in the place of the bare rows that entries point to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")

OF_CUSTOMER = ("subscriptions", "invoices", "invoice_lines", "invoice_events", "payments", "payment_allocations")
"""Tables that can be spread by customer: one customer is one shard."""
BARE = {"subscriptions": "subscription_id", "invoices": "invoice_id", "payments": "payment_id"}
"""Tables that were mere keys, and the columns of the ledger that name them."""
APPEND_ONLY = ("invoice_events",)
KEPT = ("invoices", "payments", "payment_allocations", "id_counters")
"""Rows that may change but never go."""
COUNTED = ("invoices", "payments", "subscriptions")

SETTINGS: tuple[tuple[str, sa.types.TypeEngine[Any], str], ...] = (
    ("automatic_on_new", sa.Boolean(), "TRUE"),
    ("automatic_on_arrival", sa.Boolean(), "FALSE"),
    ("automatic_on_due", sa.Boolean(), "FALSE"),
    ("automatic_kinds", sa.String(60), "'order,renewal,manual,clawback'"),
    ("full_cover_only", sa.Boolean(), "FALSE"),
    ("minimum_remainder_minor", sa.BigInteger(), "0"),
    ("return_grace_days", sa.Integer(), "14"),
    ("renewal_lead_days", sa.Integer(), "7"),
    ("payment_terms_days", sa.Integer(), "14"),
    ("prices_include_tax", sa.Boolean(), "FALSE"),
)
"""Name, type, and what it is where nobody has said otherwise."""
CHECKS = {
    "minimum_remainder_is_an_amount": "minimum_remainder_minor BETWEEN 0 AND 100000000000",
    "return_grace_is_within_a_year": "return_grace_days BETWEEN 0 AND 366",
    "renewal_lead_is_short": "renewal_lead_days BETWEEN 0 AND 60",
    "payment_terms_are_short": "payment_terms_days BETWEEN 0 AND 120",
}


def upgrade() -> None:
    """Make the tables whole, keeping every key the ledger names."""
    known = {table: _keys(table) for table in BARE}
    _drop_bare()
    _create_catalogue()
    _create_invoices()
    _create_payments()
    _fill(known)
    _point_the_ledger_at_them()
    _add_settings()
    op.create_index(
        "ix_credit_lots_expiring",
        "credit_lots",
        ["expires_at", "customer_id", "seq"],
        postgresql_where=sa.text("remaining_minor > 0 AND expires_at IS NOT NULL"),
        sqlite_where=sa.text("remaining_minor > 0 AND expires_at IS NOT NULL"),
    )
    op.add_column("customers", sa.Column("automatic_credit", sa.Boolean(), nullable=True))
    _guard()


def _keys(table: str) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in op.get_bind().exec_driver_sql(f"SELECT customer_id, id FROM {table}")]


def _drop_bare() -> None:
    """Drop the tables of keys; on SQLite nothing watches meanwhile, `env.py` looks afterwards."""
    if op.get_bind().dialect.name == "postgresql":
        for column in BARE.values():
            op.drop_constraint(f"fk_credit_entries_{column.removesuffix('_id')}", "credit_entries", type_="foreignkey")
    for table in ("invoices", "payments", "subscriptions"):
        op.drop_table(table)


def _point_the_ledger_at_them() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column in BARE.items():
        op.create_foreign_key(
            f"fk_credit_entries_{column.removesuffix('_id')}",
            "credit_entries",
            table,
            ["customer_id", column],
            ["customer_id", "id"],
            ondelete="RESTRICT",
        )


def _create_catalogue() -> None:
    create(
        "products",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("cycle", sa.String(length=10), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("is_credit_automatic", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "cycle IN ('one_off', 'monthly', 'quarterly', 'yearly')", name=op.f("ck_products_cycle_is_known")
        ),
        sa.CheckConstraint(
            "kind IN ('hosting', 'server', 'domain', 'licence', 'storage', 'addon', 'other')",
            name=op.f("ck_products_kind"),
        ),
        sa.CheckConstraint("name <> ''", name=op.f("ck_products_has_a_name")),
        sa.CheckConstraint("price_minor BETWEEN 0 AND 100000000000", name=op.f("ck_products_price_is_in_range")),
        sa.CheckConstraint("tax_bp BETWEEN 0 AND 10000", name=op.f("ck_products_tax_is_a_rate")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("name_key", name=op.f("uq_products_name_key")),
    )
    create(
        "subscriptions",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("location", sa.String(length=80), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("cycle", sa.String(length=10), nullable=False),
        sa.Column("anchor_day", sa.SmallInteger(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("next_due_on", sa.Date(), nullable=False),
        sa.Column("paid_until", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("cancelled_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_on IS NOT NULL)", name=op.f("ck_subscriptions_cancelled_says_when")
        ),
        sa.CheckConstraint("cycle IN ('monthly', 'quarterly', 'yearly')", name=op.f("ck_subscriptions_cycle_renews")),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'suspended', 'cancelled')", name=op.f("ck_subscriptions_status_is_known")
        ),
        sa.CheckConstraint("anchor_day BETWEEN 1 AND 31", name=op.f("ck_subscriptions_anchor_is_a_day_of_a_month")),
        sa.CheckConstraint("price_minor BETWEEN 0 AND 100000000000", name=op.f("ck_subscriptions_price_is_in_range")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_subscriptions_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_subscriptions_product_id_products"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_subscriptions")),
    )
    op.create_index(
        "ix_subscriptions_due",
        "subscriptions",
        ["next_due_on", "customer_id", "id"],
        postgresql_where=sa.text("status = 'active'"),
        sqlite_where=sa.text("status = 'active'"),
    )
    op.create_index("ix_subscriptions_id", "subscriptions", ["id"])
    op.create_index("ix_subscriptions_product_id", "subscriptions", ["product_id", "customer_id", "id"])


def _create_invoices() -> None:
    create(
        "invoices",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("is_gross", sa.Boolean(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("eligible_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("paid_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("payment_started_at", MOMENT, nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_invoices_actor_is_known")),
        sa.CheckConstraint(
            "kind <> 'add_funds' OR credit_minor = 0", name=op.f("ck_invoices_funds_are_not_added_from_credit")
        ),
        sa.CheckConstraint(
            "kind IN ('order', 'renewal', 'manual', 'add_funds', 'clawback')", name=op.f("ck_invoices_kind_is_known")
        ),
        sa.CheckConstraint(
            "status <> 'draft' OR (credit_minor = 0 AND paid_minor = 0)",
            name=op.f("ck_invoices_nothing_is_paid_on_a_draft"),
        ),
        sa.CheckConstraint(
            "status = 'draft' OR (issued_on IS NOT NULL AND due_on IS NOT NULL)",
            name=op.f("ck_invoices_issued_says_when"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'unpaid', 'paid', 'cancelled', 'refunded')", name=op.f("ck_invoices_status_is_known")
        ),
        sa.CheckConstraint(
            "status NOT IN ('cancelled', 'refunded') OR (credit_minor = 0 AND refunded_minor = paid_minor)",
            name=op.f("ck_invoices_everything_has_come_back"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('unpaid', 'paid') OR (status = 'paid') = (credit_minor + paid_minor = total_minor)",
            name=op.f("ck_invoices_paid_owes_nothing"),
        ),
        sa.CheckConstraint(
            "(subscription_id IS NULL) = (period_start IS NULL) AND (period_start IS NULL) = (period_end IS NULL)",
            name=op.f("ck_invoices_renewal_names_its_period"),
        ),
        sa.CheckConstraint(
            "credit_minor + paid_minor <= total_minor", name=op.f("ck_invoices_no_more_is_paid_than_owed")
        ),
        sa.CheckConstraint(
            "credit_minor >= 0 AND paid_minor >= 0", name=op.f("ck_invoices_nothing_is_paid_below_zero")
        ),
        sa.CheckConstraint(
            "eligible_minor BETWEEN 0 AND total_minor", name=op.f("ck_invoices_eligible_is_within_total")
        ),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND paid_minor", name=op.f("ck_invoices_no_more_is_refunded_than_paid")
        ),
        sa.CheckConstraint("total_minor = net_minor + tax_minor", name=op.f("ck_invoices_total_is_net_and_tax")),
        sa.CheckConstraint("total_minor BETWEEN 0 AND 100000000000", name=op.f("ck_invoices_total_is_in_range")),
        sa.ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_invoices_subscription",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_invoices_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("customer_id", "key", name="uq_invoices_customer_id_key"),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index("ix_invoices_id", "invoices", ["id"])
    op.create_index("ix_invoices_issued_on", "invoices", ["issued_on", "id"])
    op.create_index("ix_invoices_kind", "invoices", ["kind", "id"])
    op.create_index(
        "ix_invoices_open",
        "invoices",
        ["due_on", "customer_id", "id"],
        postgresql_where=sa.text("status = 'unpaid'"),
        sqlite_where=sa.text("status = 'unpaid'"),
    )
    op.create_index("ix_invoices_status", "invoices", ["status", "id"])
    op.create_index(
        "uq_invoices_period",
        "invoices",
        ["customer_id", "subscription_id", "period_start"],
        unique=True,
        postgresql_where=sa.text("subscription_id IS NOT NULL"),
        sqlite_where=sa.text("subscription_id IS NOT NULL"),
    )
    create(
        "invoice_lines",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_bp", sa.Integer(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("product_id", ID, nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("is_credit_automatic", sa.Boolean(), nullable=False),
        sa.CheckConstraint("gross_minor = net_minor + tax_minor", name=op.f("ck_invoice_lines_gross_is_net_and_tax")),
        sa.CheckConstraint("line > 0", name=op.f("ck_invoice_lines_line_counts_from_one")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 100000", name=op.f("ck_invoice_lines_quantity_is_in_range")),
        sa.CheckConstraint("tax_bp BETWEEN 0 AND 10000", name=op.f("ck_invoice_lines_tax_is_a_rate")),
        sa.CheckConstraint(
            "unit_minor BETWEEN -100000000000 AND 100000000000", name=op.f("ck_invoice_lines_unit_is_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_invoice_lines_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_invoice_lines_subscription",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_invoice_lines_product_id_products"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", "invoice_id", "line", name=op.f("pk_invoice_lines")),
        sqlite_with_rowid=False,
    )
    create(
        "invoice_events",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(length=24), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("entry_seq", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_invoice_events_actor_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_invoice_events_invoice",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "invoice_id", "seq", name=op.f("pk_invoice_events")),
        sqlite_with_rowid=False,
    )


def _create_payments() -> None:
    create(
        "payments",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("transaction_ref", sa.String(length=120), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("actor IN ('staff', 'customer', 'system', 'api')", name=op.f("ck_payments_actor_is_known")),
        sa.CheckConstraint("amount_minor BETWEEN 1 AND 100000000000", name=op.f("ck_payments_amount_is_in_range")),
        sa.CheckConstraint(
            "credit_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_credit_is_within_the_amount")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_payments_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_payments")),
        sa.UniqueConstraint("customer_id", "key", name="uq_payments_customer_id_key"),
    )
    op.create_index("ix_payments_id", "payments", ["id"])
    op.create_index(
        "ix_payments_transaction_ref",
        "payments",
        ["transaction_ref", "customer_id", "id"],
        postgresql_where=sa.text("transaction_ref <> ''"),
        sqlite_where=sa.text("transaction_ref <> ''"),
    )
    create(
        "payment_allocations",
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payment_allocations_amount_is_positive")),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payment_allocations_no_more_goes_back_than_came")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "invoice_id"],
            ["invoices.customer_id", "invoices.id"],
            name="fk_payment_allocations_invoice",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.id"],
            name="fk_payment_allocations_payment",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", "payment_id", "invoice_id", name=op.f("pk_payment_allocations")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_payment_allocations_invoice_id", "payment_allocations", ["customer_id", "invoice_id"])
    create(
        "id_counters",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("next_id > 0", name=op.f("ck_id_counters_counts_from_one")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_id_counters")),
    )


def create(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> None:  # noqa: ANN401  (create_table's own)
    """Create a table; on a partitioned installation, one that is spread by customer, with its partitions."""
    partitions = context.get_context().opts["partitions"]
    spread = bool(partitions) and name in OF_CUSTOMER
    if spread:
        options.pop("postgresql_with", None)
        options["postgresql_partition_by"] = "HASH (customer_id)"
    op.create_table(name, *columns, *_whole_numbers(name, columns), **options)
    if spread:
        for remainder in range(partitions):
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


def _add_settings() -> None:
    """Add the settings, each with its CHECK: SQLite takes one only together with its column."""
    checks = {check.split()[0]: f"CONSTRAINT ck_settings_{name} CHECK ({check})" for name, check in CHECKS.items()}
    for name, type_, default in SETTINGS:
        kind = type_.compile(op.get_bind().dialect)
        op.execute(
            f"ALTER TABLE settings ADD COLUMN {name} {kind} DEFAULT {default} NOT NULL {checks.get(name, '')}".strip()
        )


def _fill(known: dict[str, list[tuple[int, int]]]) -> None:
    """Count on from the highest keys. What a downgrade left of a row is made whole from what the ledger says of it."""
    bind = op.get_bind()
    for name in COUNTED:
        top = max((key[1] for key in known[name]), default=0)
        bind.execute(sa.text("INSERT INTO id_counters (name, next_id) VALUES (:n, :i)"), {"n": name, "i": top + 1})
    moment: Any = datetime.now(UTC)
    if bind.dialect.name == "sqlite":
        moment = int(moment.timestamp()) * 1_000_000
    if known["subscriptions"]:
        bind.execute(sa.text(RESTORED_PRODUCT), {"moment": moment})
    for table, statement in RESTORED.items():
        for customer_id, its_id in known[table]:
            values = {"c": customer_id, "i": its_id, "moment": moment, "digest": bytes(32)}
            bind.execute(sa.text(statement), {name: values[name] for name in values if f":{name}" in statement})
    if known["invoices"]:
        bind.execute(sa.text(RESTORED_EVENTS))
        bind.execute(sa.text(RESTORED_COUNTS))


RESTORED_EVENTS = """
    INSERT INTO invoice_events (customer_id, invoice_id, seq, at, action, amount_minor, entry_seq, actor, actor_id)
    SELECT customer_id, invoice_id, ROW_NUMBER() OVER (PARTITION BY customer_id, invoice_id ORDER BY seq), posted_at,
        CASE kind WHEN 'applied' THEN 'credit_applied' WHEN 'unapplied' THEN 'credit_removed' ELSE 'cancelled' END,
        ABS(amount_minor), seq, actor, actor_id
    FROM credit_entries WHERE invoice_id IS NOT NULL AND kind IN ('applied', 'unapplied', 'returned')
"""
RESTORED_COUNTS = """
    UPDATE invoices SET events = (
        SELECT COUNT(*) FROM invoice_events e
        WHERE e.customer_id = invoices.customer_id AND e.invoice_id = invoices.id
    )
"""
RESTORED_PRODUCT = """
    INSERT INTO products (id, name, name_key, kind, price_minor, cycle, tax_bp, is_credit_automatic, is_active, version,
        created_at, updated_at)
    VALUES (1, 'Restored', 'restored', 'other', 0, 'monthly', 0, FALSE, FALSE, 1, :moment, :moment)
"""
RESTORED = {
    "subscriptions": """
        INSERT INTO subscriptions (customer_id, id, product_id, label, location, price_minor, cycle, anchor_day,
            started_on, next_due_on, status, cancelled_on, version, created_at, updated_at)
        VALUES (:c, :i, 1, 'Restored', '', 0, 'monthly', 1, CURRENT_DATE, CURRENT_DATE, 'cancelled', CURRENT_DATE, 1,
            :moment, :moment)
    """,
    "invoices": """
        INSERT INTO invoices (customer_id, id, kind, status, currency, is_gross, net_minor, tax_minor, total_minor,
            eligible_minor, credit_minor, paid_minor, refunded_minor, issued_on, due_on, note, events, actor, actor_id,
            key, key_digest, version, created_at, updated_at)
        SELECT :c, :i, 'manual', CASE WHEN e.credit_minor = 0 THEN 'cancelled' ELSE 'paid' END, s.currency, FALSE,
            e.credit_minor, 0, e.credit_minor, 0, e.credit_minor, 0, 0, CURRENT_DATE, CURRENT_DATE, '', 0, 'system',
            NULL, 'restored:' || :i, :digest, 1, :moment, :moment
        FROM settings s, (
            SELECT COALESCE(-SUM(amount_minor), 0) AS credit_minor FROM credit_entries
            WHERE customer_id = :c AND invoice_id = :i AND kind IN ('applied', 'unapplied', 'returned')
        ) e
    """,
    "payments": """
        INSERT INTO payments (customer_id, id, amount_minor, credit_minor, currency, method, transaction_ref,
            received_on, note, actor, actor_id, key, key_digest, created_at)
        SELECT :c, :i, e.amount_minor, e.amount_minor, s.currency, 'restored', '', CURRENT_DATE, '', 'system', NULL,
            'restored:' || :i, :digest, :moment
        FROM settings s, (
            SELECT COALESCE(SUM(amount_minor), 0) AS amount_minor FROM credit_entries
            WHERE customer_id = :c AND payment_id = :i AND amount_minor > 0
        ) e WHERE e.amount_minor > 0
    """,
}


def _guard() -> None:
    if op.get_bind().dialect.name == "postgresql":
        partitions = context.get_context().opts["partitions"]
        for table in APPEND_ONLY:
            _always(table, "append_only", "BEFORE UPDATE OR DELETE", "FOR EACH ROW")
        for table in KEPT:
            _always(table, "no_delete", "BEFORE DELETE", "FOR EACH ROW")
        for table in (*APPEND_ONLY, *KEPT):
            _always(table, "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
            for remainder in range(partitions if table in OF_CUSTOMER else 0):
                _always(f"{table}_{remainder}", "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT")
        return
    refuse = "BEGIN SELECT RAISE(ABORT, '{} is append-only'); END"
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse.format(table)}")
    for table in (*APPEND_ONLY, *KEPT):
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
    """Leave bare keys of what the ledger names. Invoices, payments and subscriptions go only with `-x destroy=yes`.

    Raises:
        RuntimeError: there are some, and nobody said that they may go.
    """
    bind = op.get_bind()
    there = [table for table in BARE if bind.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first()]
    if there and context.get_x_argument(as_dictionary=True).get("destroy") != "yes":
        raise RuntimeError(
            f"There are {' and '.join(there)}, and this would destroy all of them. "
            "If that is what you want: flask db downgrade -x destroy=yes 0001"
        )
    named = {
        table: bind.exec_driver_sql(
            f"SELECT DISTINCT customer_id, {column} FROM credit_entries WHERE {column} IS NOT NULL"
        ).fetchall()
        for table, column in BARE.items()
    }
    if bind.dialect.name == "postgresql":
        for column in BARE.values():
            op.drop_constraint(f"fk_credit_entries_{column.removesuffix('_id')}", "credit_entries", type_="foreignkey")
    for table in ("payment_allocations", "payments", "invoice_events", "invoice_lines", "invoices", "subscriptions"):
        op.drop_table(table)
    op.drop_table("products")
    op.drop_table("id_counters")
    for table, keys in named.items():
        _create_bare(table)
        for customer_id, its_id in keys:
            bind.execute(
                sa.text(f"INSERT INTO {table} (customer_id, id) VALUES (:c, :i)"),
                {"c": customer_id, "i": its_id},
            )
    _point_the_ledger_at_them()
    op.drop_index("ix_credit_lots_expiring", "credit_lots")
    op.drop_column("customers", "automatic_credit")
    for name, _type, _default in reversed(SETTINGS):
        op.drop_column("settings", name)


def _create_bare(table: str) -> None:
    create(
        table,
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f(f"fk_{table}_customer_id_customers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f(f"pk_{table}")),
    )
