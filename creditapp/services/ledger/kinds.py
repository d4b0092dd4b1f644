"""The kinds of entry: which sign each may have and what it does to lots. `credit_kinds` holds the same list."""

from __future__ import annotations

from dataclasses import dataclass

from creditapp.models import Effect, Kind


@dataclass(frozen=True, slots=True)
class KindRules:
    """How entries of one kind behave: which sign they may have (0: either) and what they do to lots."""

    sign: int
    effect: Effect
    reversible: bool = False
    """Staff may reverse it by hand; other kinds are undone where they came from."""


KINDS: dict[Kind, KindRules] = {
    Kind.ADDED: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.REMOVED: KindRules(-1, Effect.SPENDS, reversible=True),
    Kind.OPENING: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.CORRECTION: KindRules(0, Effect.BY_SIGN, reversible=True),
    Kind.OVERPAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.DUPLICATE_PAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.LOOSE_PAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.APPLIED: KindRules(-1, Effect.SPENDS),
    Kind.UNAPPLIED: KindRules(1, Effect.GIVES_BACK),
    Kind.RETURNED: KindRules(1, Effect.GIVES_BACK),
    Kind.INVOICE_REFUND: KindRules(1, Effect.ISSUES),
    Kind.TOP_UP: KindRules(1, Effect.ISSUES),
    Kind.CREDIT_REFUND: KindRules(-1, Effect.SPENDS),
    Kind.CHARGEBACK: KindRules(-1, Effect.SPENDS),
    Kind.DOWNTIME: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.PROMO: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.REFERRAL: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.EXPIRED: KindRules(-1, Effect.SPENDS),
    Kind.VOID: KindRules(-1, Effect.BY_ORIGINAL),
    Kind.REVERSAL: KindRules(0, Effect.BY_ORIGINAL),
    Kind.TRANSFER_OUT: KindRules(-1, Effect.SPENDS),
    Kind.TRANSFER_IN: KindRules(1, Effect.ISSUES),
    Kind.MERGED_OUT: KindRules(-1, Effect.SPENDS),
    Kind.MERGED_IN: KindRules(1, Effect.ISSUES),
}
