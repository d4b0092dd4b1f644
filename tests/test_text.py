"""The one door for what people type, and how it is folded for searching."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditapp.text import TextError, clean, excerpt, fold


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, ""),
        ("", ""),
        ("   ", ""),
        ("  two   words ", "two words"),
        ("two\nlines", "two lines"),
        ("e\N{COMBINING ACUTE ACCENT}", "é"),
        ("bell\x07", "bell"),
        ("a \x07 b", "a b"),
        ("\x07 b", "b"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=1+1", "=1+1"),
        ("Привет, 世界 👋", "Привет, 世界 👋"),
    ],
)
def test_a_line_is_kept_trimmed_and_composed(typed: str | None, kept: str) -> None:
    assert clean(typed, chars_max=100) == kept


def test_a_note_keeps_its_lines() -> None:
    assert clean(" first\r\nsecond\rthird\tcell\x07 ", chars_max=100, lines=True) == "first\nsecond\nthird\tcell"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("a\x00b", "This text holds a NUL character; remove it."),
        ("a\ud800b", "This text holds a broken character; type it anew."),
        ("x" * 11, "Use at most 10 characters; this has 11."),
        ("x" * 12_345, "Use at most 10 characters; this has 12,345."),
    ],
)
def test_a_text_that_cannot_be_kept_says_why(typed: str, sentence: str) -> None:
    with pytest.raises(TextError) as refusal:
        clean(typed, chars_max=10)

    assert str(refusal.value) == sentence


def test_length_counts_characters_not_bytes() -> None:
    assert clean("👋" * 10, chars_max=10) == "👋" * 10


@given(typed=st.text(max_size=60), lines=st.booleans())
def test_what_was_cleaned_stays_as_it_is(typed: str, lines: bool) -> None:
    try:
        kept = clean(typed, chars_max=200, lines=lines)
    except TextError:
        return

    assert clean(kept, chars_max=200, lines=lines) == kept
    assert "\x00" not in kept


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Zoë  MÜLLER", "zoe muller"),
        ("Łódź", "łodz"),
        ("straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ПЁТР", "петр"),
        ("ﬁle", "file"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}bc", "abc"),
        ("a\x00b", "ab"),
        ("  \n ", ""),
    ],
)
def test_searching_sees_neither_case_nor_marks(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_each_character_is_folded_for_good() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]

    assert [c for c in every if fold(fold(c)) != fold(c)] == []
    assert fold("\N{BLACK-LETTER CAPITAL H}") == "h"


@given(text=st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The card was declined.", "The card was declined."),
        ("NUL \x00 and\n a  line\tbreak \ud800", "NUL and a line break"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}denil", "denil"),
        ("x" * 41, f"{'x' * 39}…"),
        ("", ""),
    ],
)
def test_what_another_machine_says_is_made_to_fit_and_never_refused(said: str, kept: str) -> None:
    assert excerpt(said, chars_max=40) == kept
