"""Laws of the templates: each compiles, names nothing it does not use, and holds nothing the policy forbids."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment, FileSystemLoader, nodes

FOLDER = Path(__file__).resolve().parent.parent / "templates"
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))
ENVIRONMENT = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
FORBIDDEN = {
    "an inline style": r"\sstyle\s*=|<style",
    "an inline script": r"<script(?![^>]*\ssrc=)|\son[a-z]+\s*=\s*[\"']",
    "a script in a link": r"javascript:",
    "unescaped text": r"\|\s*safe\b|\bMarkup\b|autoescape\s+false",
    "an address of somebody else": r"(?:src|href|action)=[\"']\s*(?:https?:)?//",
}


@cache
def source(name: str) -> str:
    return (FOLDER / name).read_text()


def bare(name: str) -> str:
    """The template without its comments."""
    return re.sub(r"\{#.*?#\}", "", source(name), flags=re.DOTALL)


def unused(text: str) -> set[str]:
    """Names that the template imports or sets up as macros of its own, and never uses."""
    tree = ENVIRONMENT.parse(text)
    imported = {
        name[1] if isinstance(name, tuple) else name for node in tree.find_all(nodes.FromImport) for name in node.names
    }
    used = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
    return imported - used


def test_every_template_compiles(app: Flask) -> None:
    assert [app.jinja_env.get_template(name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_template_imports_only_what_it_uses(name: str) -> None:
    heirs = "".join(source(other) for other in NAMES if f'extends "{name}"' in source(other))

    assert {macro for macro in unused(source(name)) if not re.search(rf"\b{macro}\(", heirs)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_holds_nothing_the_policy_forbids(name: str) -> None:
    found = [what for what, pattern in FORBIDDEN.items() if re.search(pattern, bare(name), re.IGNORECASE)]

    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('<p style="color: red">', "an inline style"),
        ("<script>alert(1)</script>", "an inline script"),
        ('<p onclick="x()">', "an inline script"),
        ('<a href="javascript:x()">', "a script in a link"),
        ("{{ note|safe }}", "unescaped text"),
        ('<img src="//elsewhere.example/x.png">', "an address of somebody else"),
    ],
)
def test_what_is_forbidden_would_be_found(text: str, what: str) -> None:
    assert re.search(FORBIDDEN[what], text, re.IGNORECASE)


def test_an_unused_import_would_be_found() -> None:
    assert unused('{% from "components/icon.html" import icon %}<p></p>') == {"icon"}


def test_each_macro_is_used_somewhere() -> None:
    macros = {
        (name, macro.name)
        for name in NAMES
        for macro in ENVIRONMENT.parse(source(name)).find_all(nodes.Macro)
        if name.split("/")[0] != "components"  # what pages to come will draw with
    }
    words = {word for name in NAMES for word in re.findall(r"\b(\w+)\(", bare(name))}
    called = {word for name in NAMES for word in re.findall(r"(?<!macro )\b(\w+)\b", bare(name))}

    assert {macro for macro in macros if macro[1] not in words & called} == set()


def test_every_template_is_used(app: Flask) -> None:
    python = "".join(path.read_text() for path in (FOLDER.parent / "creditapp").rglob("*.py"))
    everything = python + "".join(source(name) for name in NAMES)

    assert {name for name in NAMES if f'"{name}"' not in everything} == set()


def test_email_has_one_spelling_wherever_people_read_it() -> None:
    shown = {name: bare(name) for name in NAMES}
    for path in (FOLDER.parent / "creditapp").rglob("*.py"):
        tree = list(ast.walk(ast.parse(path.read_text())))
        prose = {node.value for node in tree if isinstance(node, ast.Expr)}
        shown[str(path)] = "\n".join(str(node.value) for node in set(tree) - prose if isinstance(node, ast.Constant))

    assert {name for name, text in shown.items() if re.search("e-mail", text, re.IGNORECASE)} == set()
