"""What people and links put into a URL is read, or left out; nothing of it breaks a page."""

from __future__ import annotations

from datetime import date

import pytest
from werkzeug.datastructures import MultiDict

from creditapp.queries.search import ID_MAX
from creditapp.web import urls


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("12", 12),
        (" #12 ", 12),
        (str(ID_MAX), ID_MAX),
        (str(ID_MAX + 1), None),
        ("9" * 5000, None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("1_000", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("\N{FULLWIDTH DIGIT ONE}", None),
        ("##12", None),
        ("", None),
    ],
)
def test_a_number_has_digits_that_a_row_may_have(typed: str, read: int | None) -> None:
    assert urls.number(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2026-03-14", date(2026, 3, 14)),
        ("2026-02-30", None),
        ("20260314", None),
        ("2026-W01-1", None),
        ("14.3.2026", None),
        ("\N{FULLWIDTH DIGIT TWO}026-03-14", None),
        ("2026-03-14\n", None),
        ("", None),
    ],
)
def test_a_day_is_written_one_way(typed: str, read: date | None) -> None:
    assert urls.day(typed) == read


def test_a_text_can_be_shown_again() -> None:
    assert urls.text(MultiDict({"q": " no\x00lan\x07 \ud800"}), "q") == "nolan"
    assert urls.text(MultiDict(), "q") == ""


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, ID_MAX + 1, [], {}])
def test_a_cursor_holds_whole_numbers_or_none(value: object) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        urls.each(urls.whole)([value])


@pytest.mark.parametrize("value", [1, None, "a\x00b", "\ud800"])
def test_a_cursor_holds_names_that_a_database_can_hold(value: object) -> None:
    with pytest.raises(ValueError, match=r"no name|surrogates"):
        urls.each(urls.folded)([value])


def test_a_cursor_is_read_value_by_value() -> None:
    read = urls.each(date.fromisoformat, urls.folded, urls.whole)

    assert list(read(["2026-03-14", "nolan", 7])) == [date(2026, 3, 14), "nolan", 7]
