"""The audit log: who did what to which object, from where, with what was so before and after.

Money acts are audited by the ledger itself; everything else (sign-ins, settings, roles, customers, exports, refusals)
comes here. Rows are chained under one head; what may hold personal words lies apart, is erasable, and is remembered
in the chain by a salted digest only. Secrets never come here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from creditapp.columns import to_microseconds
from creditapp.db import ledger_key, now
from creditapp.models import AuditDetails, AuditHead, AuditRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

VALUE_CHARS_MAX = 2000
_SECRETS = ("password", "secret", "token", "hash", "cookie")


class Action(StrEnum):
    """What was done. The word is stored and never changes its meaning."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    STAFF_CREATED = "staff_created"
    CUSTOMER_CREATED = "customer_created"
    CUSTOMER_EDITED = "customer_edited"
    CUSTOMER_MERGED = "customer_merged"
    CUSTOMERS_IMPORTED = "customers_imported"
    SETTINGS_SAVED = "settings_saved"
    REASON_CREATED = "reason_created"
    REASON_EDITED = "reason_edited"
    PRODUCT_CREATED = "product_created"
    PRODUCT_EDITED = "product_edited"
    PROMO_CREATED = "promo_created"
    PROMO_EDITED = "promo_edited"
    SUBSCRIPTION_CREATED = "subscription_created"
    SUBSCRIPTION_EDITED = "subscription_edited"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    LIMITS_SAVED = "limits_saved"
    SUSPENSE_ASSIGNED = "suspense_assigned"
    SUSPENSE_DISMISSED = "suspense_dismissed"
    MAIL_TEXT_SAVED = "mail_text_saved"
    MAIL_TESTED = "mail_tested"
    MAIL_SENT_AGAIN = "mail_sent_again"
    CLIENT_INVITED = "client_invited"
    CLIENT_LOG_IN_MADE = "client_log_in_made"
    CLIENT_LOG_IN_ENDED = "client_log_in_ended"
    RESET_ASKED = "reset_asked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  (what was done, not a password)
    INCIDENT_CREATED = "incident_created"
    INCIDENT_EDITED = "incident_edited"
    PREVIEW_MADE = "preview_made"
    PREVIEW_EDITED = "preview_edited"
    BATCH_ISSUED = "batch_issued"
    BATCH_STOPPED = "batch_stopped"
    BATCH_RESUMED = "batch_resumed"
    BATCH_DROPPED = "batch_dropped"
    BATCH_REVERSED = "batch_reversed"
    BATCH_BILLED = "batch_billed"
    POLICY_CREATED = "policy_created"
    POLICY_EDITED = "policy_edited"
    BALANCE_FROZEN = "balance_frozen"
    BALANCE_RELEASED = "balance_released"
    PAYMENT_VOIDED = "payment_voided"
    CUSTOMER_DELETED = "customer_deleted"
    CHAIN_VERIFIED = "chain_verified"
    STAFF_INVITED = "staff_invited"
    STAFF_INVITATION_WITHDRAWN = "staff_invitation_withdrawn"
    STAFF_EDITED = "staff_edited"
    STAFF_DISABLED = "staff_disabled"
    STAFF_ENABLED = "staff_enabled"
    STAFF_LINK_SENT = "staff_link_sent"
    SESSIONS_ENDED = "sessions_ended"
    FACTOR_SET_UP = "factor_set_up"
    FACTOR_SWITCHED_OFF = "factor_switched_off"
    FACTOR_RESET = "factor_reset"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    PROVED = "proved"
    VIEW_BEGUN = "view_begun"
    VIEW_ENDED = "view_ended"
    EXPORTED = "exported"
    REFUSED = "refused"


def record(
    session: Session,
    action: Action,
    by: Actor,
    object_kind: str,
    object_id: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int:
    """Write one row about an act into the transaction of the act, and return its number.

    Of `before` and `after` only what differs is kept. Call it last: it locks the head of the log until the commit,
    and every other act waits for that.

    Raises:
        ValueError: a value is named like a secret.
        TypeError: a value is neither text, a whole number, a yes or no, a date, nor a list of those.
    """
    details = {"address": by.address, **_differences(before or {}, after or {})}
    salt = secrets.token_bytes(16)
    head = session.execute(select(AuditHead.seq, AuditHead.hash).where(AuditHead.id == 1).with_for_update()).one()
    row: dict[str, Any] = {
        "seq": head.seq + 1,
        "at": now(session),
        "actor": by.kind,
        "actor_id": by.id,
        "action": str(action),
        "object_kind": object_kind,
        "object_id": object_id,
        "details_digest": details_digest(salt, details),
    }
    row["hash"] = audit_hash(ledger_key(session), head.hash, row)
    session.execute(insert(AuditRow).values(row))
    session.execute(insert(AuditDetails).values(seq=row["seq"], details=details, salt=salt))
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(seq=row["seq"], hash=row["hash"]))
    return int(row["seq"])


def audit_hash(key: bytes, previous: bytes, row: Mapping[str, Any]) -> bytes:
    """Return the link of the chain: HMAC-SHA256 over the hash before it and every other column of the row."""
    facts = [
        row["seq"],
        to_microseconds(row["at"]),
        row["actor"],
        row["actor_id"],
        row["action"],
        row["object_kind"],
        row["object_id"],
        row["details_digest"].hex(),
    ]
    return hmac.digest(key, previous + _canonical(facts), "sha256")


def details_digest(salt: bytes, details: Mapping[str, Any]) -> bytes:
    """Return the salted digest under which a row remembers its details."""
    return hashlib.sha256(salt + _canonical(details)).digest()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return both sides of what changed, in words that JSON knows."""
    was = {name: _plain(name, value) for name, value in before.items()}
    became = {name: _plain(name, value) for name, value in after.items()}
    changed = [name for name in (was | became) if name not in was or name not in became or was[name] != became[name]]
    sides = {"before": was, "after": became}
    kept = {side: {name: values[name] for name in changed if name in values} for side, values in sides.items()}
    return {side: values for side, values in kept.items() if values}


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401  (what JSON can say)
    if any(secret in name.lower() for secret in _SECRETS):
        raise ValueError(f"“{name}” looks like a secret; it has no place in the audit log.")
    if isinstance(value, str):
        return value[:VALUE_CHARS_MAX].replace("\x00", "").encode("utf-8", "replace").decode()
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    raise TypeError(f"The audit log cannot keep a {type(value).__name__} ({name}).")


def _canonical(facts: Any) -> bytes:  # noqa: ANN401  (what JSON can say)
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
