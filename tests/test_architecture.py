"""The laws of the house, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "creditapp"
LEDGER_TABLES = {"CreditAccount", "CreditDraw", "CreditEntry", "CreditEntryText", "CreditLot", "CreditTotal"} | {
    "ACCOUNTS",
    "DRAWS",
    "ENTRIES",
    "LOTS",
    "TEXTS",
    "TOTALS",
}
WRITERS = {"insert", "update", "delete", "insert_rows"}
SQL = re.compile(r"(INSERT (OR \w+ )?INTO|UPDATE|DELETE FROM|COPY|TRUNCATE)\s+credit_(?!kinds)", re.IGNORECASE)


def modules(*folders: str) -> list[Path]:
    """Return the modules of these folders of the package, or of all of it."""
    starts = [PACKAGE / folder for folder in folders] or [PACKAGE]
    found = [path for start in starts for path in ([start] if start.suffix else sorted(start.rglob("*.py")))]
    assert found
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(), str(path)))


def called(node: ast.Call) -> str:
    """Return the last word of what is called: `commit` of `db.session.commit()`."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in nodes(path) if isinstance(node, ast.Call))


def words(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def imports(path: Path) -> set[str]:
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def who_writes(tables: set[str], paths: list[Path]) -> set[str]:
    """Return the modules that make a row of these tables, or insert, change or delete one, in whatever words."""
    return {name(path) for path in paths for node in nodes(path) if writes(tables, node)}


def writes(tables: set[str], node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and SQL.search(node.value) is not None
    if not isinstance(node, ast.Call):
        return False
    about = words(node.args[0]) | words(node.args[-1]) if node.args else set()
    return called(node) in tables or (called(node) in WRITERS and bool(about & tables))


def test_only_the_ledger_writes_the_ledger() -> None:
    ledger = {f"creditapp/services/ledger/{module}.py" for module in ("accounts", "plans", "states", "writes")}

    assert {"creditapp/services/ledger/plans.py"} <= who_writes(LEDGER_TABLES, modules()) <= ledger
    assert who_writes({"CreditDay"}, modules()) <= ledger | {"creditapp/services/housekeeping.py"}


def test_only_the_door_commits() -> None:
    ending = {
        name(path)
        for path in modules()
        for call in calls(path)
        if called(call) in {"commit", "begin_nested"} or (called(call) == "begin" and "engine" in words(call))
    }

    assert ending <= {"creditapp/db.py"}


def test_money_is_never_a_float() -> None:
    floats = {
        f"{name(path)}:{node.lineno}"
        for path in modules("services/ledger", "services/credits", "services/verification", "money.py", "models")
        for node in nodes(path)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value != 0.0)
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    }
    conversions = {
        f"{name(path)}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if called(call) in {"float", "Decimal", "Float", "Numeric"}
        and not name(path).startswith("creditapp/web/charts")
    }

    assert floats == set()
    assert conversions == set()


def test_nothing_typed_becomes_markup() -> None:
    found = {
        f"{name(path)}:{call.lineno}"
        for path in modules()
        for call in calls(path)
        if called(call) in {"render_template_string", "from_string"}
    }
    markup = {name(path) for path in modules() for call in calls(path) if called(call) == "Markup"}
    safe = {
        f"{name(path)}:{number}"
        for path in (ROOT / "templates").rglob("*.*")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"\|\s*safe\b|autoescape\s+false", line)
    }

    assert found == set()
    assert safe == set()
    assert markup <= {"creditapp/web/pages.py"}


@pytest.mark.parametrize("folder", ["services", "queries", "models", "errors", "money.py", "text.py", "columns.py"])
def test_the_core_knows_no_request(folder: str) -> None:
    edge = {"flask", "flask_login", "flask_wtf", "wtforms", "werkzeug"}

    found = {(name(path), word) for path in modules(folder) for word in imports(path) if word.split(".")[0] in edge}

    assert found == set()


def test_only_the_configuration_reads_the_environment() -> None:
    readers = {
        name(path)
        for path in modules()
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and words(node.value) == {"os"})
    }

    assert readers <= {"creditapp/config.py", "creditapp/jobs/supervise.py"}


def test_secrets_are_compared_in_constant_time() -> None:
    secret = re.compile(r"(^|_)(hash|digest|hmac|signature|token)$")
    at_the_edge = modules("services/sign_in.py", "services/passwords.py", "services/audit.py", "web")

    found = {
        f"{name(path)}:{node.lineno}"
        for path in at_the_edge
        for node in nodes(path)
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        and any(secret.search(word) for word in words(node))
        and not any(word[:1].isupper() or word == "c" for word in words(node.left))  # a column: the database compares
    }

    assert found == set()


def test_templates_keep_style_and_script_outside() -> None:
    inline = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=\"|javascript:", re.IGNORECASE)

    found = {
        f"{name(path)}:{number}"
        for path in (ROOT / "templates").rglob("*.html")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if inline.search(line)
    }

    assert found == set()


def test_no_path_of_a_machine_is_in_the_source() -> None:
    machine = re.compile(r"[\"'`\s(=](/(home|work|root|Users)/[\w.])")
    sources = [*modules(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]

    found = {name(path) for path in sources if machine.search(path.read_text())}

    assert found == set()


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        ("def f(session):\n    session.add(CreditEntry(seq=1))", True),
        ("insert(CreditLot).values(seq=1)", True),
        ("update(models.CreditAccount).values(balance_minor=0)", True),
        ("delete(CreditDraw.__table__)", True),
        ("session.execute(text('UPDATE credit_accounts SET balance_minor = 0'))", True),
        ("run(update(plans.ACCOUNTS))", True),
        ("select(CreditEntry.seq)", False),
        ("session.get(CreditAccount, 5)", False),
    ],
)
def test_the_law_of_the_ledger_can_be_broken(source: str, broken: bool) -> None:
    assert any(writes(LEDGER_TABLES, node) for node in ast.walk(ast.parse(source))) is broken
