"""The schema as the migrations make it: complete, the same as the models, guarded, and able to come and go."""

from __future__ import annotations

import re
from collections.abc import Iterator

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from creditapp import create_app
from creditapp.db import Base, db
from creditapp.services import verification
from tests.books import Books, write_books
from tests.conftest import Databases
from tests.factories import balance_of
from tests.services.invoices.desk import amounts, bill, pay, take_off, use
from tests.services.invoices.test_agreement import write_files
from tests.services.tampering import tampered

pytestmark = pytest.mark.money
_PARTITION = re.compile(r"_\d+$")


@pytest.fixture
def bare(engine: str, databases: Databases) -> Iterator[Flask]:
    """The application over a database without any table."""
    with databases.empty(engine) as url:
        made = create_app(databases.config(url))
        with made.app_context():
            yield made
            db.session.remove()
            db.engine.dispose()


def test_the_schema_comes_and_goes_and_comes_again(bare: Flask) -> None:
    flask_migrate.upgrade()
    books = write_books()
    assert verification.report() == []

    db.session.remove()
    flask_migrate.downgrade(revision="base", x_arg="destroy=yes")
    left = set(inspect(db.engine).get_table_names())
    flask_migrate.upgrade()

    assert left == {"alembic_version"}
    assert write_books() == books
    assert balance_of(books.c) == 730
    assert verification.report() == []


@pytest.mark.parametrize("x_arg", [None, "destroy=no"])
def test_a_ledger_with_entries_is_not_taken_down_unasked(bare: Flask, x_arg: str | None) -> None:
    flask_migrate.upgrade()
    books = write_books()
    db.session.remove()

    with pytest.raises(SystemExit):  # Flask-Migrate logs the sentence and ends
        flask_migrate.downgrade(revision="base", x_arg=x_arg)

    assert balance_of(books.c) == 730
    assert verification.report() == []


@pytest.mark.parametrize("x_arg", [None, "destroy=no"])
def test_invoices_and_payments_are_not_taken_down_unasked(bare: Flask, x_arg: str | None) -> None:
    flask_migrate.upgrade()
    files = write_files()
    db.session.remove()

    with pytest.raises(SystemExit):
        flask_migrate.downgrade(revision="0001", x_arg=x_arg)

    assert amounts(files.c, files.open) == ("unpaid", 700, 1000, 0)
    assert verification.report() == []


def test_what_the_ledger_says_of_invoices_outlives_them(bare: Flask) -> None:
    flask_migrate.upgrade()
    files = write_files()
    balance_minor, entries = balance_of(files.c), _entries()
    db.session.remove()

    flask_migrate.downgrade(revision="0001", x_arg="destroy=yes")
    assert {"invoices", "payments"} <= set(inspect(db.engine).get_table_names())
    flask_migrate.upgrade()

    assert verification.report() == []
    assert (balance_of(files.c), _entries()) == (balance_minor, entries)
    assert amounts(files.c, files.open) == ("paid", 700, 0, 0)  # nothing is known of what else was owed
    assert amounts(files.c, files.refunded) == ("cancelled", 0, 0, 0)
    take_off(files.c, files.open, 100)
    following = bill(files.c, 500)
    use(files.c, following)
    pay(files.c, 900, following)
    assert verification.report() == []


def _entries() -> list[tuple[object, ...]]:
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(text("SELECT * FROM credit_entries ORDER BY customer_id, seq"))]


def test_nothing_is_left_of_the_guards_when_the_schema_has_gone(bare: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")

    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name NOT LIKE '%alembic%'")
        else:
            left = connection.exec_driver_sql(
                "SELECT tgname FROM pg_trigger UNION ALL SELECT proname FROM pg_proc WHERE proname = 'refuse_change'"
            )
        names = left.scalars().all()

    assert names == []


def test_models_and_migrations_say_the_same(books: Books) -> None:
    flask_migrate.check()  # exits when they differ


def test_a_difference_between_models_and_migrations_would_be_seen(books: Books) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE settings ADD COLUMN colour VARCHAR(7)")
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        differences = [str(difference) for difference in compare_metadata(context, Base.metadata)]
        connection.rollback()

    assert any("remove_column" in difference and "colour" in difference for difference in differences)


def test_no_row_is_ever_removed_because_another_one_is(books: Books) -> None:
    declared = {
        (table.name, key.referred_table.name, tuple(key.column_keys)): key.ondelete
        for table in Base.metadata.sorted_tables
        for key in table.foreign_key_constraints
    }
    inspector = inspect(db.engine)
    made = {
        (table, key["referred_table"], tuple(key["constrained_columns"])): key["options"].get("ondelete")
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
        if not (_PARTITION.search(table) or _PARTITION.search(key["referred_table"]))
    }

    assert set(declared.values()) == {"RESTRICT"}
    assert made == declared


def test_every_constraint_has_a_name_by_the_convention(books: Books) -> None:
    inspector = inspect(db.engine)
    odd = []

    for table in inspector.get_table_names():
        if table == "alembic_version" or re.search(r"_search|_\d+$", table):
            continue
        named = [("pk", inspector.get_pk_constraint(table)["name"])]
        named += [("fk", key["name"]) for key in inspector.get_foreign_keys(table)]
        named += [("uq", key["name"]) for key in inspector.get_unique_constraints(table)]
        named += [("ck", key["name"]) for key in inspector.get_check_constraints(table)]
        named += [("ix|uq", key["name"]) for key in inspector.get_indexes(table)]
        odd += [(table, name) for kind, name in named if not re.match(rf"({kind})_{table}(_\w+)?$", str(name))]

    assert odd == []


REFUSED = {
    "credit_entries": [
        "UPDATE credit_entries SET description = 'Gift' WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_entries SET amount_minor = amount_minor WHERE customer_id = :c AND seq = 1",
        "DELETE FROM credit_entries WHERE customer_id = :c AND seq = 7",
    ],
    "credit_draws": ["UPDATE credit_draws SET amount_minor = 1", "DELETE FROM credit_draws"],
    "credit_kinds": ["UPDATE credit_kinds SET sign = 0", "DELETE FROM credit_kinds WHERE kind = 'promo'"],
    "audit_log": ["UPDATE audit_log SET actor_id = 9 WHERE seq = 2", "DELETE FROM audit_log WHERE seq = 3"],
    "credit_accounts": [
        "DELETE FROM credit_accounts WHERE customer_id = :c",
        "UPDATE credit_accounts SET entry_seq = entry_seq - 1 WHERE customer_id = :c",
        "UPDATE credit_accounts SET customer_id = 99 WHERE customer_id = :c",
    ],
    "credit_lots": [
        "DELETE FROM credit_lots WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_lots SET opening_minor = opening_minor + 1 WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_lots SET class = 'paid' WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_lots SET seq = 99 WHERE customer_id = :c AND seq = 1",
    ],
    "credit_entry_texts": [
        "DELETE FROM credit_entry_texts WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_entry_texts SET note = 'Another' WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_entry_texts SET note = NULL WHERE customer_id = :c AND seq = 1",
        "UPDATE credit_entry_texts SET search_key = NULL WHERE customer_id = :c AND seq = 1",
    ],
    "audit_details": [
        "DELETE FROM audit_details WHERE seq = 2",
        "UPDATE audit_details SET details = '{}' WHERE seq = 2",
        "UPDATE audit_details SET details = NULL WHERE seq = 2",
    ],
    "credit_totals": ["DELETE FROM credit_totals"],
    "audit_head": ["DELETE FROM audit_head"],
}
STATEMENTS = [(table, statement) for table, statements in REFUSED.items() for statement in statements]
GUARDED = sorted(REFUSED)


def run(connection: Connection, statement: str, books: Books) -> None:
    connection.execute(text(statement), {"c": books.c} if ":c" in statement else {})


@pytest.mark.parametrize(("table", "statement"), STATEMENTS)
def test_history_refuses_to_change(books: Books, table: str, statement: str) -> None:
    with db.engine.connect() as connection, pytest.raises(DBAPIError, match=f"{table}.* is append-only"):
        run(connection, statement, books)


@pytest.mark.parametrize("statement", [statement for _table, statement in STATEMENTS])
def test_it_is_the_guard_that_refuses(books: Books, statement: str) -> None:
    with tampered() as session:
        touched = session.connection().execute(text(statement), {"c": books.c} if ":c" in statement else {}).rowcount

    assert touched > 0


@pytest.mark.parametrize("table", GUARDED)
def test_history_refuses_to_be_replaced_or_emptied(books: Books, table: str) -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            statements = [
                f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
                f"REPLACE INTO {table} SELECT * FROM {table} LIMIT 1",
            ]
        else:
            statements = [f"TRUNCATE {table} CASCADE", f"TRUNCATE {table}, credit_entries, credit_accounts CASCADE"]
            statements += [f"TRUNCATE {partition} CASCADE" for partition in _partitions(connection, table)]
        for statement in statements:
            with pytest.raises(DBAPIError, match="is append-only"):
                run(connection, statement, books)
            connection.rollback()


def _partitions(connection: Connection, table: str) -> list[str]:
    statement = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)")
    return list(connection.execute(statement, {"t": table}).scalars())


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize(("table", "statement"), STATEMENTS)
def test_history_refuses_to_change_even_for_a_replica(books: Books, table: str, statement: str) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        with pytest.raises(DBAPIError, match=f"{table}.* is append-only"):
            run(connection, statement, books)


ERASE_TEXT = (
    "UPDATE credit_entry_texts SET note = NULL, customer_note = NULL, ticket_ref = NULL, search_key = NULL, "
    "salt = NULL, erased_at = (SELECT posted_at FROM credit_entries WHERE customer_id = :c AND seq = 1) "
    "WHERE customer_id = :c AND seq = 1"
)
ERASE_DETAILS = (
    "UPDATE audit_details SET details = NULL, salt = NULL, erased_at = (SELECT at FROM audit_log WHERE seq = 2) "
    "WHERE seq = 2"
)
ALLOWED = [
    "UPDATE credit_lots SET remaining_minor = 0 WHERE customer_id = :c AND seq = 1",
    "UPDATE credit_accounts SET balance_minor = 5, entry_seq = entry_seq + 1 WHERE customer_id = :c",
    "UPDATE credit_totals SET holders = holders + 1",
    "UPDATE audit_head SET seq = seq + 1",
    ERASE_TEXT,
    ERASE_DETAILS,
]


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_must_be_able_to_change_can(books: Books, statement: str) -> None:
    with db.engine.connect() as connection:
        run(connection, statement, books)
        connection.rollback()


BROKEN = {
    "balance_is_never_below_zero": "UPDATE credit_accounts SET balance_minor = -1",
    "balance_is_never_below_zero, upwards": "UPDATE credit_accounts SET balance_minor = 1000000000001",
    "freeze_says_why": "UPDATE credit_accounts SET frozen_reason = 'Why'",
    "remaining_is_within_opening": "UPDATE credit_lots SET remaining_minor = -1",
    "remaining_is_within_opening, upwards": "UPDATE credit_lots SET remaining_minor = opening_minor + 1",
    "one_row": "INSERT INTO audit_head (id, seq, hash) VALUES (2, 0, '')",
    "duplicate_window_is_short": "UPDATE settings SET duplicate_window_days = 91",
    "add_limit_is_an_amount": "UPDATE roles SET add_max_minor = 0",
    "remove_limit_is_an_amount": "UPDATE roles SET remove_max_minor = 100000000001",
    "expiry_is_within_ten_years": "UPDATE reasons SET expires_after_days = 0",
    "direction_is_known": "UPDATE reasons SET direction = 'sideways'",
    "class_is_known": "UPDATE reasons SET class = 'gold'",
    "has_a_name": "UPDATE customers SET name = ''",
    "status_is_known": "UPDATE customers SET status = 'gone'",
    "merged_names_the_survivor": "UPDATE customers SET status = 'merged'",
}
ENTRY_COLUMNS = {
    "customer_id": "customer_id",
    "seq": "100",
    "kind": "'added'",
    "amount_minor": "5",
    "balance_after_minor": "735",
    "description": "'Credit Added'",
    "is_quiet": "is_quiet",
    "reason_id": "reason_id",
    "reversed_seq": "NULL",
    "other_customer_id": "NULL",
    "other_seq": "NULL",
    "actor": "'staff'",
    "actor_id": "actor_id",
    "key": "'another key'",
    "key_digest": "key_digest",
    "effective_on": "effective_on",
    "day": "day",
    "posted_at": "posted_at",
    "hash": "hash",
}
BROKEN_ENTRIES = {
    "amount_is_in_range": {"amount_minor": "0"},
    "amount_is_in_range, upwards": {"amount_minor": "100000000001"},
    "amount_is_in_range, downwards": {"amount_minor": "-100000000001"},
    "balance_after_is_never_below_zero": {"balance_after_minor": "-1"},
    "sequence_starts_at_one": {"seq": "0"},
    "actor_is_known": {"actor": "'robot'"},
    "actor_is_somebody": {"actor_id": "NULL"},
    "manual_entry_has_a_maker": {"actor": "'system'", "actor_id": "NULL"},
    "reversal_names_its_entry": {"kind": "'reversal'"},
    "reversal_names_its_entry, the other way": {"reversed_seq": "1"},
    "other_half_is_whole": {"other_seq": "1"},
    "kind_credit_kinds|FOREIGN KEY": {"kind": "'gift'"},
    "reasons|FOREIGN KEY": {"reason_id": "999"},
    "reversed|FOREIGN KEY": {"kind": "'reversal'", "reversed_seq": "99"},
    "customer_id_key|credit_entries.key": {"key": "key"},
    "pk_credit_entries|credit_entries_\\d_pkey|is append-only": {"seq": "1"},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_row_that_breaks_a_rule_is_refused(books: Books, rule: str) -> None:
    with db.engine.connect() as connection, pytest.raises(DBAPIError, match=rule.split(",", maxsplit=1)[0]):
        run(connection, BROKEN[rule], books)


@pytest.mark.parametrize("rule", BROKEN_ENTRIES)
def test_an_entry_that_breaks_a_rule_is_refused(books: Books, rule: str) -> None:
    with db.engine.connect() as connection, pytest.raises(DBAPIError, match=rule.split(",", maxsplit=1)[0]):
        run(connection, insert_entry(BROKEN_ENTRIES[rule]), books)


def test_an_entry_that_breaks_none_would_be_taken(books: Books) -> None:
    with db.engine.connect() as connection:
        run(connection, insert_entry({}), books)
        connection.rollback()


def insert_entry(changes: dict[str, str]) -> str:
    columns = ENTRY_COLUMNS | changes
    return (
        f"INSERT INTO credit_entries ({', '.join(columns)}) SELECT {', '.join(columns.values())} "
        "FROM credit_entries WHERE customer_id = :c AND seq = 1"
    )


SET_TOTAL = "UPDATE credit_totals SET balance_minor = {} WHERE shard = 1"


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("amount", ["1.5", "'twelve'", "x'31'", "1e300"])
def test_sqlite_keeps_no_amount_that_is_not_a_whole_number(books: Books, amount: str) -> None:
    with db.engine.connect() as connection, pytest.raises(DBAPIError, match="is_whole"):
        run(connection, SET_TOTAL.format(amount), books)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("amount", ["'12'", "1e3", "7.0"])
def test_sqlite_makes_a_whole_number_of_what_is_one(books: Books, amount: str) -> None:
    with db.engine.connect() as connection:
        run(connection, SET_TOTAL.format(amount), books)
        kept = connection.exec_driver_sql("SELECT typeof(balance_minor) FROM credit_totals WHERE shard = 1")

        assert kept.scalar_one() == "integer"
        connection.rollback()


def test_every_amount_of_every_table_is_a_whole_number(books: Books) -> None:
    inspector = inspect(db.engine)
    kinds = {
        (table.name, column["name"]): str(column["type"])
        for table in Base.metadata.sorted_tables
        for column in inspector.get_columns(table.name)
        if column["name"].endswith("_minor")
    }

    assert len(kinds) == 61
    assert set(kinds.values()) == {"BIGINT"}
