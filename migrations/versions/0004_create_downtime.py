"""Create what downtime is credited by: policies, incidents, and batches with their lines."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
MINOR_MAX = 100_000_000_000

KEPT = ("downtime_policies", "incidents", "batches")
"""Rows that may change but never go."""
TABLES = (
    *("batch_parts", "batch_lines"),
    *("incident_customers", "incident_locations", "incident_products", "incident_windows"),
    *("downtime_tiers", "downtime_policies"),
)
"""In the order in which they can be dropped."""

Column = tuple[str, sa.types.TypeEngine[Any], str | None, str, str]
INCIDENTS: tuple[Column, ...] = (
    ("title", sa.String(120), "''", "", ""),
    ("reference", sa.String(80), "''", "", ""),
    ("starts_at", MOMENT, "0", "", ""),
    ("ends_at", MOMENT, None, "ends_after_it_starts", "IS NULL OR ends_at > starts_at"),
    ("time_zone", sa.String(64), "'UTC'", "", ""),
    ("policy_id", sa.BigInteger(), None, "", ""),
    ("reason_id", sa.BigInteger(), None, "", ""),
    ("customer_note", sa.String(500), "''", "", ""),
    ("note", sa.String(2000), "''", "", ""),
    ("search_key", sa.Text(), "''", "", ""),
    ("credit_round", sa.Integer(), "1", "rounds_are_counted", "> 0"),
    ("dismissed_at", MOMENT, None, "", ""),
    ("made_by", sa.BigInteger(), None, "", ""),
    ("version", sa.Integer(), "1", "", ""),
    ("created_at", MOMENT, "0", "", ""),
    ("updated_at", MOMENT, "0", "", ""),
)
"""Name, type, what it is where nobody has said otherwise, and the CHECK with its name; no default: it may be empty."""
BATCHES: tuple[Column, ...] = (
    ("kind", sa.String(10), "'import'", "kind_is_known", "IN ('downtime', 'import', 'reversal')"),
    (
        "status",
        sa.String(10),
        "'done'",
        "status_is_known",
        "IN ('preparing', 'ready', 'issuing', 'stopped', 'done', 'dropped', 'failed')",
    ),
    ("title", sa.String(200), "''", "", ""),
    ("incident_id", sa.BigInteger(), None, "", ""),
    ("reverses_id", sa.BigInteger(), None, "", ""),
    ("credit_round", sa.Integer(), "1", "", ""),
    ("terms", sa.Text(), "''", "", ""),
    ("reason_id", sa.BigInteger(), None, "", ""),
    ("customer_note", sa.String(500), "''", "", ""),
    ("note", sa.String(2000), "''", "", ""),
    ("problem", sa.String(500), "''", "", ""),
    ("source_name", sa.String(200), "''", "", ""),
    ("source_digest", sa.String(64), "''", "", ""),
    ("spent_choice", sa.String(8), "''", "spent_choice_is_known", "IN ('', 'leave', 'invoice')"),
    ("lines", sa.Integer(), "0", "", ""),
    ("expected", sa.Integer(), "0", "", ""),
    ("prepared_customer", sa.BigInteger(), "0", "", ""),
    ("prepared_item", sa.BigInteger(), "0", "", ""),
    ("to_post", sa.Integer(), "0", "", ""),
    ("to_post_minor", sa.BigInteger(), "0", "", ""),
    ("done_line", sa.Integer(), "0", "done_line_goes_forward", ">= 0"),
    ("posted", sa.Integer(), "0", "posted_is_counted", ">= 0"),
    ("posted_minor", sa.BigInteger(), "0", "", ""),
    ("skipped", sa.Integer(), "0", "skipped_is_counted", ">= 0"),
    ("made_by", sa.BigInteger(), None, "", ""),
    ("issued_by", sa.BigInteger(), None, "", ""),
    ("issued_at", MOMENT, None, "", ""),
    ("finished_at", MOMENT, None, "", ""),
    ("version", sa.Integer(), "1", "", ""),
    ("created_at", MOMENT, "0", "", ""),
    ("updated_at", MOMENT, "0", "", ""),
)
AWS_COMPUTE = ((999_900, 1_000), (990_000, 3_000), (950_000, 10_000))
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "name": "Pro rata",
        "method": "pro_rata",
        "description": "The share of the month that was lost, as many hosters do.",
    },
    {
        "name": "Ten times pro rata",
        "method": "multiplier",
        "month_basis": "30_days",
        "description": "“1000 % SLA”: ten times the time that was lost, at most the month’s fee.",
    },
    {
        "name": "5 % per started 30 minutes",
        "method": "block",
        "month_basis": "30_days",
        "description": "As hosters publish it: 5 % of the monthly fee for each started half hour, at most all of it.",
    },
    {
        "name": "Whole minutes, pro rata",
        "method": "pro_rata",
        "minute_rule": "whole",
        "cap_bp": 5_000,
        "description": "In the way of Google Cloud: only whole minutes count, at most half of the monthly fee.",
    },
    {
        "name": "Uptime table of AWS compute",
        "method": "tiers",
        "tiers": AWS_COMPUTE,
        "description": "Below 99.99 % of the month 10 %, below 99.0 % 30 %, below 95.0 % all of the fee.",
    },
)


def upgrade() -> None:
    """Make the tables, and add to incidents and batches, which were mere keys; begin with a few policies."""
    _create_policies()
    _add("incidents", INCIDENTS)
    _add("batches", BATCHES)
    _restore()
    op.create_index("ix_incidents_starts_at", "incidents", ["starts_at", "id"])
    placed = sa.text("location <> ''")
    op.create_index(
        "ix_subscriptions_location",
        "subscriptions",
        ["location", "customer_id", "id"],
        postgresql_where=placed,
        sqlite_where=placed,
    )
    op.create_index("ix_batches_incident_id", "batches", ["incident_id", "id"])
    op.create_index("ix_batches_status", "batches", ["status", "id"])
    op.create_index("ix_batches_reverses_id", "batches", ["reverses_id"])
    op.create_index("ix_batches_source_digest", "batches", ["source_digest"])
    _create_targets()
    _create_lines()
    _guard()
    _begin_with_policies()


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


def _restore() -> None:
    """Let incidents and batches that were mere keys say again what the ledger says of them."""
    of_batch = "FROM credit_entries WHERE batch_id = batches.id"
    op.execute(
        "UPDATE batches SET title = 'Restored batch ' || id, "
        f"posted = (SELECT COUNT(*) {of_batch}), posted_minor = (SELECT COALESCE(SUM(amount_minor), 0) {of_batch})"
    )
    op.execute("UPDATE batches SET lines = posted, to_post = posted, to_post_minor = posted_minor")
    op.execute("UPDATE incidents SET title = 'Restored incident ' || id, search_key = 'restored incident ' || id")


def _create_policies() -> None:
    create(
        "downtime_policies",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("month_basis", sa.String(length=8), nullable=False),
        sa.Column("minute_rule", sa.String(length=8), nullable=False),
        sa.Column("fee_basis", sa.String(length=10), nullable=False),
        sa.Column("rounding", sa.String(length=8), nullable=False),
        sa.Column("factor_hundredths", sa.Integer(), nullable=False),
        sa.Column("block_minutes", sa.Integer(), nullable=False),
        sa.Column("block_bp", sa.Integer(), nullable=False),
        sa.Column("fixed_minor", sa.BigInteger(), nullable=False),
        sa.Column("cap_bp", sa.Integer(), nullable=False),
        sa.Column("minimum_minor", sa.BigInteger(), nullable=False),
        sa.Column("excluded_minutes", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        *[
            sa.CheckConstraint(check, name=op.f(f"ck_downtime_policies_{name}"))
            for name, check in (
                ("has_a_name", "name <> ''"),
                ("method_is_known", "method IN ('pro_rata', 'multiplier', 'block', 'tiers', 'fixed')"),
                ("month_basis_is_known", "month_basis IN ('actual', '30_days', '730_h')"),
                ("minute_rule_is_known", "minute_rule IN ('exact', 'whole', 'started')"),
                ("fee_basis_is_known", "fee_basis IN ('as_priced', 'net', 'gross')"),
                ("rounding_is_known", "rounding IN ('half_up', 'down', 'up')"),
                ("factor_is_in_range", "factor_hundredths BETWEEN 1 AND 1000000"),
                ("block_is_in_range", "block_minutes BETWEEN 1 AND 44640"),
                ("block_percent_is_a_rate", "block_bp BETWEEN 1 AND 100000"),
                ("fixed_is_in_range", f"fixed_minor BETWEEN 0 AND {MINOR_MAX}"),
                ("cap_is_a_rate", "cap_bp BETWEEN 1 AND 100000"),
                ("minimum_is_in_range", f"minimum_minor BETWEEN 0 AND {MINOR_MAX}"),
                ("excluded_is_in_range", "excluded_minutes BETWEEN 0 AND 44640"),
            )
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downtime_policies")),
        sa.UniqueConstraint("name_key", name=op.f("uq_downtime_policies_name_key")),
    )
    create(
        "downtime_tiers",
        sa.Column("policy_id", ID, autoincrement=False, nullable=False),
        sa.Column("below_ppm", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("credit_bp", sa.Integer(), nullable=False),
        sa.CheckConstraint("below_ppm BETWEEN 1 AND 1000000", name=op.f("ck_downtime_tiers_uptime_is_a_share")),
        sa.CheckConstraint("credit_bp BETWEEN 1 AND 100000", name=op.f("ck_downtime_tiers_credit_is_a_rate")),
        _refers("downtime_tiers", "policy_id", "downtime_policies"),
        sa.PrimaryKeyConstraint("policy_id", "below_ppm", name=op.f("pk_downtime_tiers")),
    )


def _create_targets() -> None:
    create(
        "incident_windows",
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.Column("starts_at", MOMENT, autoincrement=False, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_incident_windows_ends_after_it_starts")),
        _refers("incident_windows", "incident_id", "incidents"),
        sa.PrimaryKeyConstraint("incident_id", "starts_at", name=op.f("pk_incident_windows")),
    )
    create(
        "incident_products",
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.Column("product_id", ID, autoincrement=False, nullable=False),
        _refers("incident_products", "incident_id", "incidents"),
        _refers("incident_products", "product_id", "products"),
        sa.PrimaryKeyConstraint("incident_id", "product_id", name=op.f("pk_incident_products")),
    )
    create(
        "incident_locations",
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.Column("location", sa.String(length=80), nullable=False),
        _refers("incident_locations", "incident_id", "incidents"),
        sa.PrimaryKeyConstraint("incident_id", "location", name=op.f("pk_incident_locations")),
    )
    create(
        "incident_customers",
        sa.Column("incident_id", ID, autoincrement=False, nullable=False),
        sa.Column("customer_id", ID, autoincrement=False, nullable=False),
        _refers("incident_customers", "incident_id", "incidents"),
        _refers("incident_customers", "customer_id", "customers"),
        sa.PrimaryKeyConstraint("incident_id", "customer_id", name=op.f("pk_incident_customers")),
    )


def _create_lines() -> None:
    create(
        "batch_lines",
        sa.Column("batch_id", ID, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_id", ID, nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("label", sa.String(length=330), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("months", sa.SmallInteger(), nullable=True),
        sa.Column("tax_bp", sa.Integer(), nullable=True),
        sa.Column("down_seconds", sa.Integer(), nullable=True),
        sa.Column("computed_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("changed_why", sa.String(length=200), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=True),
        sa.Column("is_included", sa.Boolean(), nullable=False),
        sa.Column("flag", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("outcome", sa.String(length=300), nullable=False),
        sa.Column("reason_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.Column("customer_note", sa.String(length=500), nullable=False),
        sa.Column("ticket_ref", sa.String(length=200), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("entry_key", sa.String(length=100), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            f"amount_minor BETWEEN -{MINOR_MAX} AND {MINOR_MAX}", name=op.f("ck_batch_lines_amount_is_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "subscription_id"],
            ["subscriptions.customer_id", "subscriptions.id"],
            name="fk_batch_lines_subscription",
            ondelete="RESTRICT",
        ),
        _refers("batch_lines", "batch_id", "batches"),
        _refers("batch_lines", "customer_id", "customers"),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_batch_lines")),
    )
    op.create_index("ix_batch_lines_customer_id", "batch_lines", ["batch_id", "customer_id", "line"])
    op.create_index("ix_batch_lines_amount", "batch_lines", ["batch_id", "amount_minor", "line"])
    flagged, hashed = sa.text("flag <> ''"), sa.text("row_hash IS NOT NULL")
    op.create_index(
        "ix_batch_lines_flag",
        "batch_lines",
        ["batch_id", "flag", "line"],
        postgresql_where=flagged,
        sqlite_where=flagged,
    )
    op.create_index(
        "uq_batch_lines_row_hash",
        "batch_lines",
        ["batch_id", "row_hash"],
        unique=True,
        postgresql_where=hashed,
        sqlite_where=hashed,
    )
    create(
        "batch_parts",
        sa.Column("batch_id", ID, autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _refers("batch_parts", "batch_id", "batches"),
        sa.PrimaryKeyConstraint("batch_id", "part", name=op.f("pk_batch_parts")),
    )


def _refers(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{parent}.id"], name=op.f(f"fk_{table}_{column}_{parent}"), ondelete="RESTRICT"
    )


def create(name: str, *columns: sa.schema.SchemaItem) -> None:
    """Create a table; on SQLite its amounts are whole numbers, which SQLite by itself does not insist on."""
    names = [c.name for c in columns if isinstance(c, sa.Column) and c.name.endswith("_minor")]
    whole = [
        sa.CheckConstraint(f"typeof({column}) IN ('integer', 'null')", name=op.f(f"ck_{name}_{column}_is_whole"))
        for column in names
        if op.get_bind().dialect.name == "sqlite"
    ]
    op.create_table(name, *columns, *whole)


FIXED = ("customer_id", "subscription_id", "amount_minor", "is_included", "entry_key")
"""What of a line nobody changes once its batch has been issued."""


def _guard() -> None:
    """Let no row go that must stay, and no line change or go once its batch has been issued."""
    if op.get_bind().dialect.name == "postgresql":
        for table in KEPT:
            _always(table, "no_delete", "BEFORE DELETE", "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
            _always(table, "no_truncate", "BEFORE TRUNCATE", "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        op.execute(
            "CREATE FUNCTION refuse_once_issued() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF EXISTS (SELECT 1 FROM batches WHERE id = OLD.batch_id AND issued_at IS NOT NULL) THEN "
            "RAISE EXCEPTION 'the lines of an issued batch are fixed' USING ERRCODE = 'restrict_violation'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
        )
        once = "FOR EACH ROW EXECUTE FUNCTION refuse_once_issued()"
        _always("batch_lines", "fixed", f"BEFORE UPDATE OF {', '.join(FIXED)}", once)
        _always("batch_lines", "no_delete", "BEFORE DELETE", once)
        return
    refuse = "BEGIN SELECT RAISE(ABORT, '{} is append-only'); END"
    for table in KEPT:
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse.format(table)}")
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = new.id) {refuse.format(table)}"
        )
    issued = "WHEN EXISTS (SELECT 1 FROM batches WHERE id = old.batch_id AND issued_at IS NOT NULL)"
    refusal = "BEGIN SELECT RAISE(ABORT, 'the lines of an issued batch are fixed'); END"
    op.execute(
        f"CREATE TRIGGER batch_lines_fixed BEFORE UPDATE OF {', '.join(FIXED)} ON batch_lines {issued} {refusal}"
    )
    op.execute(f"CREATE TRIGGER batch_lines_no_delete BEFORE DELETE ON batch_lines {issued} {refusal}")


def _always(table: str, name: str, when: str, how: str) -> None:
    op.execute(f"CREATE TRIGGER {table}_{name} {when} ON {table} {how}")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def _begin_with_policies() -> None:
    bind = op.get_bind()
    policies = sa.Table("downtime_policies", sa.MetaData(), autoload_with=bind)
    tiers = sa.Table("downtime_tiers", sa.MetaData(), autoload_with=bind, resolve_fks=False)
    moment = 0 if bind.dialect.name == "sqlite" else sa.func.now()
    for number, given in enumerate(POLICIES, start=1):
        table = given.get("tiers", ())
        bind.execute(
            sa.insert(policies).values(
                {
                    "id": number,
                    "month_basis": "actual",
                    "minute_rule": "exact",
                    "fee_basis": "as_priced",
                    "rounding": "half_up",
                    "factor_hundredths": 1_000,
                    "block_minutes": 30,
                    "block_bp": 500,
                    "fixed_minor": 0,
                    "cap_bp": 10_000,
                    "minimum_minor": 0,
                    "excluded_minutes": 0,
                    "position": number,
                    "is_active": True,
                    "version": 1,
                    "created_at": moment,
                    "updated_at": moment,
                    **{name: value for name, value in given.items() if name != "tiers"},
                    "name_key": given["name"].casefold(),
                }
            )
        )
        for below_ppm, credit_bp in table:
            bind.execute(sa.insert(tiers).values(policy_id=number, below_ppm=below_ppm, credit_bp=credit_bp))
    if bind.dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('downtime_policies', 'id'), (SELECT max(id) FROM downtime_policies))"
        )


def downgrade() -> None:
    """Take the tables away; incidents and batches that there are go only with `-x destroy=yes`.

    The keys that entries point to stay, as mere keys.

    Raises:
        RuntimeError: there is something, and nobody said that it may go.
    """
    bind = op.get_bind()
    there = [
        table for table in ("incidents", "batches") if bind.exec_driver_sql(f"SELECT 1 FROM {table} LIMIT 1").first()
    ]
    if there and context.get_x_argument(as_dictionary=True).get("destroy") != "yes":
        raise RuntimeError(
            f"There are rows in {' and '.join(there)}, and this would destroy what they say. "
            "If that is what you want: flask db downgrade -x destroy=yes 0003"
        )
    for table in TABLES:
        op.drop_table(table)
    sqlite = bind.dialect.name == "sqlite"
    for table in ("incidents", "batches"):
        names = ("no_delete", "no_replace") if sqlite else ("no_delete", "no_truncate")
        for name in names:
            op.execute(f"DROP TRIGGER {table}_{name}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        op.execute("DROP FUNCTION refuse_once_issued()")
    for name in ("source_digest", "reverses_id", "status", "incident_id"):
        op.drop_index(f"ix_batches_{name}", "batches")
    op.drop_index("ix_incidents_starts_at", "incidents")
    op.drop_index("ix_subscriptions_location", "subscriptions")
    for table, columns in (("batches", BATCHES), ("incidents", INCIDENTS)):
        for name, *_rest in reversed(columns):
            op.drop_column(table, name)
