"""Passwords: what a good one is, and how it is kept (Argon2id).

Long rather than adorned, as NIST SP 800-63B-4 has it: no rules about capitals or signs, no expiry, any characters.
"""

from __future__ import annotations

import gzip
import re
import secrets
import unicodedata
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from creditapp.errors import PasswordError
from creditapp.text import fold

CHARS_MIN = 15
CHARS_MIN_BESIDE_A_FACTOR = 8
"""Enough where a code is asked for as well."""
CHARS_MAX = 1024
"""Longer ones are refused before they are hashed: that costs time."""
DIFFERENT_MIN = 5
OWN_MIN = 8
"""How many letters and digits must be left when well-known words and the person's own are taken out."""

_hasher = PasswordHasher()
_WELL_KNOWN = (
    "correcthorsebatterystaple",
    "thequickbrownfox",
    "jumpsoverthelazydog",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb",
    "abcdefghijklmnopqrstuvwxyz",
    "12345678901234567890",
    "1234567890",
    "0987654321",
    "123456789",
    "12345678",
    "123456",
    "administrator",
    "supportagent",
    "passwort",
    "password",
    "passw0rd",
    "p@ssw0rd",
    "changeme",
    "letmein",
    "iloveyou",
    "trustno1",
    "welcome",
    "qwerty",
    "secret",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "creditapp",
    "credits",
    "credit",
    "billing",
    "manager",
    "auditor",
    "support",
    "admin",
    "agent",
    "staff",
)
_WORD_CHARS_MIN = 3
_MOST_USED = Path(__file__).parent / "well_known_passwords.txt.gz"
"""The 3,000 that are used most of all that are long enough; where they are from is said beside the file."""


def check(password: str, *, email: str = "", name: str = "", company: str = "", chars_min: int = CHARS_MIN) -> None:
    """Refuse a password that is too short, too long or easy to guess for whoever knows the person and the company.

    `chars_min` is `CHARS_MIN_BESIDE_A_FACTOR` for who has a second factor.

    Raises:
        PasswordError: its sentence says what is wrong.
    """
    count = len(unicodedata.normalize("NFC", password)) if len(password) <= CHARS_MAX else len(password)
    if count < chars_min:
        raise PasswordError(f"Use at least {chars_min} characters; this has {count}. A few words in a row do well.")
    if count > CHARS_MAX:
        raise PasswordError(f"Use at most {CHARS_MAX:,} characters; this has {count:,}.")
    own = _letters_and_digits(password)
    if len(set(password)) < DIFFERENT_MIN:
        raise PasswordError("This password repeats the same few characters; choose another.")
    if _is_most_used(own):
        raise PasswordError("This password is one of those that are used most, and tried first; choose another.")
    for word in sorted({*_WELL_KNOWN, *_words(email, name, company)}, key=len, reverse=True):
        own = own.replace(word, "")
    if own != _letters_and_digits(password) and len(own) < OWN_MIN:
        raise PasswordError(
            "This password is made of words that are tried first (well-known ones, or your own name, email or "
            "company); choose another."
        )


def hash_password(password: str) -> str:
    """Return the Argon2id hash under which the password is kept, salt and cost included. Takes some 50 ms."""
    return _hasher.hash(_composed(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Return whether this is the password. Without a hash (nobody has this e-mail) it takes as long and is False."""
    if len(password) > CHARS_MAX:
        return verify(None, "")
    try:
        return _hasher.verify(password_hash or _nobodys(), _composed(password)) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Return whether the hash was made at another cost than is used now; hash anew at the next sign-in."""
    return _hasher.check_needs_rehash(password_hash)


def is_long_enough(password: str) -> bool:
    """Return whether it would do without a second factor beside it."""
    return len(unicodedata.normalize("NFC", password)) >= CHARS_MIN


def _is_most_used(own: str) -> bool:
    """Return whether it is a well-known one: as it is, with figures after it, or said twice."""
    half = own[: len(own) // 2]
    said_twice = {half} if half and half * 2 == own else set()
    return bool({own, own.rstrip("0123456789"), *said_twice} & _most_used())


@lru_cache(maxsize=1)
def _most_used() -> frozenset[str]:
    with gzip.open(_MOST_USED, "rt", encoding="utf-8") as file:
        return frozenset(map(_letters_and_digits, file)) - {""}


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe(32))


def _composed(password: str) -> bytes:
    """The same characters are the same bytes, however the keyboard makes them; spaces stay."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _letters_and_digits(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum() or c == "@")


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in re.split(r"[\W_]+", fold(text)) if len(word) >= _WORD_CHARS_MIN}
