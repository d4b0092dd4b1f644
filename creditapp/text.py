"""Text: the only door for what people type, and how it is folded for searching."""

from __future__ import annotations

import unicodedata

NOTE_CHARS_MAX = 2000
LINE_CHARS_MAX = 200

_KEPT_CONTROLS = {"\n", "\t"}


class TextError(ValueError):
    """The text cannot be kept; its message says why."""


def clean(text: str | None, *, chars_max: int, lines: bool = False) -> str:
    """Return the text as it is kept: composed (NFC), trimmed, without control characters, within its limit.

    With `lines`, line breaks and tabs stay; otherwise they become spaces. Length counts code points.

    Raises:
        TextError: it holds a NUL or half of a surrogate pair, or is too long.
    """
    typed = text or ""
    if "\x00" in typed:
        raise TextError("This text holds a NUL character; remove it.")
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise TextError("This text holds a broken character; type it anew.") from None
    typed = unicodedata.normalize("NFC", typed.replace("\r\n", "\n").replace("\r", "\n"))
    if not lines:
        typed = " ".join(typed.split())
    kept = "".join(c for c in typed if c in _KEPT_CONTROLS or unicodedata.category(c) != "Cc").strip()
    if len(kept) > chars_max:
        raise TextError(f"Use at most {chars_max:,} characters; this has {len(kept):,}.")
    return kept


def fold(text: str) -> str:
    """Return the text as searches see it: lower case, marks off, single spaces; Cyrillic and others alike."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c) and c != "\x00")
    return " ".join(bare.split())
