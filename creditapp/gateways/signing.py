"""Signatures of call-backs: `t=<seconds>,v1=<HMAC-SHA256 of "t.body">`, good for five minutes around their time."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime

from creditapp.gateways.protocol import SignatureError

TOLERANCE_S = 300
HEADER_CHARS_MAX = 400
_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(key: bytes, body: bytes, moment: datetime) -> str:
    """Return the header that goes with this body at this moment."""
    stamp = str(int(moment.timestamp()))
    return f"t={stamp},v1={_digest(key, stamp, body)}"


def check(key: bytes, body: bytes, header: str, moment: datetime) -> None:
    """Refuse what was not signed with the key, or not about now.

    Raises:
        SignatureError: the header is missing or malformed, the body another one, or the time too far off.
    """
    match = _HEADER.fullmatch(header) if len(header) <= HEADER_CHARS_MAX else None
    if not key or match is None:
        raise SignatureError("There is no signature that could be read.")
    stamp, given = match.groups()
    if not hmac.compare_digest(_digest(key, stamp, body), given):
        raise SignatureError("The signature is not that of this body.")
    if abs(moment.astimezone(UTC).timestamp() - int(stamp)) > TOLERANCE_S:
        raise SignatureError("It was signed too long ago, or too far ahead.")


def _digest(key: bytes, stamp: str, body: bytes) -> str:
    return hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
