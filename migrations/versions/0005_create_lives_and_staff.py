"""Create what the life of a customer needs, and what staff sign in with: moves, deletion, second factors, links."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")

Column = tuple[str, sa.types.TypeEngine[Any], str | None, str, str]
COLUMNS: dict[str, tuple[Column, ...]] = {
    "customers": (("erased_at", MOMENT, None, "", ""),),
    "invoices": (
        ("moved_to_id", sa.BigInteger(), None, "", ""),
        ("moved_from_id", sa.BigInteger(), None, "", ""),
    ),
    "subscriptions": (("moved_to_id", sa.BigInteger(), None, "", ""),),
    "payments": (("voided_at", MOMENT, None, "", ""), ("void_reason", sa.String(200), "''", "", "")),
    "log_ins": (
        ("totp_salt", sa.LargeBinary(20), None, "", ""),
        ("totp_since", MOMENT, None, "", ""),
        ("totp_step", sa.BigInteger(), None, "", ""),
    ),
    "log_in_sessions": (
        ("proved_at", MOMENT, None, "", ""),
        ("awaits_code", sa.Boolean(), "FALSE", "", ""),
        ("views_customer_id", sa.BigInteger(), None, "", ""),
    ),
    "staff": (("version", sa.Integer(), "1", "", ""), ("own_customer_id", sa.BigInteger(), None, "", "")),
    "roles": (("totp_required", sa.Boolean(), "FALSE", "", ""),),
}
"""Name, type, what it is where nobody has said otherwise, and the CHECK with its name; no default: it may be empty."""
INDEXES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("ix_customers_merged_into_id", "customers", ("merged_into_id", "id"), "merged_into_id IS NOT NULL"),
    ("ix_credit_accounts_frozen", "credit_accounts", ("customer_id",), "frozen_at IS NOT NULL"),
    ("ix_log_ins_customer_id", "log_ins", ("customer_id",), "customer_id IS NOT NULL"),
    ("ix_audit_log_at", "audit_log", ("at", "seq"), ""),
    ("ix_audit_log_action", "audit_log", ("action", "at", "seq"), ""),
)
LATER_INDEXES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ix_audit_log_actor", "audit_log", ("actor", "actor_id")),
    ("ix_audit_log_object", "audit_log", ("object_kind", "object_id")),
)
"""They ended in the number; now they end in the moment and the number."""
TABLES = ("recovery_codes", "staff_invitations")


def upgrade() -> None:
    """Add the columns, each with what it is where nobody has said otherwise, and make the tables."""
    for table, columns in COLUMNS.items():
        _add(table, columns)
    for name, table, indexed, where in INDEXES:
        only = sa.text(where) if where else None
        op.create_index(name, table, list(indexed), postgresql_where=only, sqlite_where=only)
    for name, table, indexed in LATER_INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, [*indexed, "at", "seq"])
    op.create_table(
        "staff_invitations",
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_staff_invitations_has_a_name")),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["staff.id"], name=op.f("fk_staff_invitations_made_by_id_staff"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["role"], ["roles.role"], name=op.f("fk_staff_invitations_role_roles"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_staff_invitations")),
    )
    op.create_index("ix_staff_invitations_email_key", "staff_invitations", ["email_key"])
    op.create_index("ix_staff_invitations_ends_at", "staff_invitations", ["ends_at"])
    op.create_table(
        "recovery_codes",
        sa.Column("log_in_id", ID, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["log_in_id"], ["log_ins.id"], name=op.f("fk_recovery_codes_log_in_id_log_ins"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("log_in_id", "digest", name=op.f("pk_recovery_codes")),
    )


def _add(table: str, columns: tuple[Column, ...]) -> None:
    """Add columns, each with its CHECK: SQLite takes one only together with its column."""
    dialect = op.get_bind().dialect
    for name, type_, default, check_name, check in columns:
        words = [f"ALTER TABLE {table} ADD COLUMN {name} {type_.compile(dialect)}"]
        if default is not None:
            words.append(f"DEFAULT {default} NOT NULL")
        if check:
            words.append(f"CONSTRAINT ck_{table}_{check_name} CHECK ({name} {check})")
        op.execute(" ".join(words))


def downgrade() -> None:
    """Take the columns and tables away; what they say of people and of money goes only with `-x destroy=yes`.

    Raises:
        RuntimeError: they say something, and nobody said that it may go.
    """
    bind = op.get_bind()
    said = {
        "what was merged": "SELECT 1 FROM invoices WHERE moved_to_id IS NOT NULL",
        "what was moved": "SELECT 1 FROM subscriptions WHERE moved_to_id IS NOT NULL",
        "who was deleted": "SELECT 1 FROM customers WHERE erased_at IS NOT NULL",
        "which payments are void": "SELECT 1 FROM payments WHERE voided_at IS NOT NULL",
        "second factors": "SELECT 1 FROM log_ins WHERE totp_since IS NOT NULL",
    }
    there = [what for what, question in said.items() if bind.exec_driver_sql(f"{question} LIMIT 1").first()]
    if there and context.get_x_argument(as_dictionary=True).get("destroy") != "yes":
        raise RuntimeError(
            f"The database would forget {' and '.join(there)}. "
            "If that is what you want: flask db downgrade -x destroy=yes 0004"
        )
    op.execute("DELETE FROM log_in_sessions WHERE awaits_code OR views_customer_id IS NOT NULL")
    for table in TABLES:
        op.drop_table(table)
    for index in INDEXES:
        op.drop_index(index[0], index[1])
    for name, table_name, indexed in LATER_INDEXES:
        op.drop_index(name, table_name)
        op.create_index(name, table_name, [*indexed, "seq"])
    for table, columns in COLUMNS.items():
        for column in reversed(columns):
            op.drop_column(table, column[0])
