"""Text: the only door for what people type, and how it is folded for searching."""

from __future__ import annotations

import unicodedata

NOTE_CHARS_MAX = 2000
LINE_CHARS_MAX = 200

_KEPT_CONTROLS = {"\n", "\t"}
_KEPT_IN_CELLS = {"\n", "\t", "\r"}


class TextError(ValueError):
    """The text cannot be kept; its message says why."""


def clean(text: str | None, *, chars_max: int, lines: bool = False) -> str:
    """Return the text as it is kept: composed (NFC), trimmed, without control characters, within its limit.

    With `lines`, line breaks and tabs stay; otherwise they become spaces. Length counts code points.

    Raises:
        TextError: it holds a NUL or half of a surrogate pair, or is too long.
    """
    typed = text or ""
    if typed.isascii() and typed.isprintable():  # nearly everything: in a file of a million lines this is what counts
        return _within(typed.strip() if lines else " ".join(typed.split()), chars_max)
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
    if not lines:
        kept = " ".join(kept.split())  # a control character may have stood between two spaces
    return _within(kept, chars_max)


def verbatim(cell: str, *, chars_max: int) -> str:
    """Return a cell of a file as it is kept: composed (NFC), and nothing else changed.

    Outer and double spaces, line breaks, direction marks and a leading `=` are the owner's; what shows or exports the
    text takes care of them.

    Raises:
        TextError: it holds a control character other than a line break or tab, half of a surrogate pair, or too much.
    """
    if not cell.isprintable() and any(
        unicodedata.category(c) in {"Cc", "Cs"} and c not in _KEPT_IN_CELLS for c in cell
    ):
        raise TextError("This text holds a control character; remove it.")
    return _within(unicodedata.normalize("NFC", cell), chars_max)


def excerpt(said: str, *, chars_max: int) -> str:
    """Return what another machine has said as one line that can be kept and shown; too long, it is cut.

    Nothing of it is refused: controls and broken characters go, for what it comes with must not be lost over its words.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    kept = unicodedata.normalize("NFC", line)
    return kept if len(kept) <= chars_max else f"{kept[: chars_max - 1].rstrip()}…"


def fold(text: str) -> str:
    """Return the text as searches see it: lower case, marks off, single spaces; Cyrillic and others alike.

    Marks are accents and the like, and what cannot be seen at all: direction marks, joiners, soft hyphens.
    """
    if text.isascii():
        return " ".join(text.replace("\x00", "").lower().split())
    # Twice: black letters decompose into capitals, and capitals may fold into what decomposes.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return " ".join(bare.replace("\x00", "").split())


def _within(kept: str, chars_max: int) -> str:
    if len(kept) > chars_max:
        raise TextError(f"Use at most {chars_max:,} characters; this has {len(kept):,}.")
    return kept
