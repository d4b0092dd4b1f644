"""Invoices in plain words: their status, what happened to them, and why credit was used or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from creditapp.models import InvoiceStatus
from creditapp.queries.invoice import DECISIONS, Happening, InvoiceFacts, Verdict
from creditapp.services.credits import Decision, Trigger, Why
from creditapp.services.payments import LABELS
from creditapp.web.filters import money

STATUSES = {str(status): status.capitalize() for status in InvoiceStatus}
TONES = {"draft": "open", "unpaid": "waiting", "paid": "done", "cancelled": "system", "refunded": "system"}
_WHEN = {
    Trigger.HAND: "by hand",
    Trigger.CHECKOUT: "at checkout",
    Trigger.NEW: "when the invoice was new",
    Trigger.ARRIVAL: "when credit arrived",
    Trigger.DUE: "on the due date",
}
_OBSTACLES = {
    Why.DISABLED: ("credits were switched off in the settings", "credits are switched off in the settings"),
    Why.FROZEN: ("the balance was frozen", "the balance is frozen"),
    Why.NOT_OPEN: ("the invoice was not unpaid", "the invoice is not unpaid"),
    Why.ADD_FUNDS: ("it adds funds, and those are paid with money",) * 2,
    Why.PAYING: ("a payment was under way", "a payment is under way"),
    Why.SWITCHED_OFF: (
        "automatic use was switched off for that moment",
        "automatic use on open invoices is switched off",
    ),
    Why.CUSTOMER: ("this user wanted no automatic use", "this user wants no automatic use"),
    Why.KIND: ("automatic use leaves out invoices of this kind",) * 2,
    Why.PRODUCT: ("its products take no credit by themselves",) * 2,
    Why.NOTHING_USABLE: ("there was no usable credit", "there is no usable credit"),
    Why.FULL_COVER: ("only whole invoices are paid by themselves, and the balance did not cover this one",) * 2,
    Why.REMAINDER: ("too small a remainder would have been left to charge", "too small a remainder would be left"),
    Why.BALANCE: ("the balance covered no more", "the balance covers no more"),
}
_PARTLY = {
    Why.PRODUCT: "the rest is for products that take no credit by themselves",
    Why.REMAINDER: "less would have been too small a remainder to charge",
}
_ACTIONS = {
    "created": "Created",
    "edited": "Draft saved",
    "issued": "Issued",
    "credit_applied": "Credit applied",
    "credit_removed": "Credit removed",
    "credit_not_applied": "No credit applied",
    "payment_received": "Payment received",
    "payment_begun": "Payment begun at a gateway",
    "payment_failed": "Payment failed",
    "payment_given_up": "Payment given up",
    "promo_dropped": "Credit of the promo code did not fit under the largest balance and was dropped",
    "clawed_back": "Taken back by the bank",
    "cancelled": "Cancelled",
    "moved": "Moved, the users were merged",
    "issued_again": "Moved here, the users were merged",
    "refunded": "Refunded to credit",
    "refund_requested": "Refund to payment method",
    "refund_failed": "Refund to payment method failed",
    "refunded_whole": "Refunded",
}


def why_last(history: Sequence[Happening], *, has_credit: bool) -> str:
    """Say what was decided about credit last, and why; empty where nothing was, or where all of it has gone back."""
    last = next((one for one in history if one.action in DECISIONS and "why" in one.facts), None)
    is_gone = last is not None and last.action == "credit_applied" and not has_credit
    return "" if last is None or is_gone else _said(last)


def why_now(verdict: Verdict) -> str:
    """Say what the rule would do by itself if it were asked now."""
    decision = verdict.by_itself
    when = _WHEN[verdict.trigger]
    if decision.amount_minor:
        return f"Automatically, {money(decision.amount_minor)} would be applied {when}{_partly(decision)}."
    return f"Automatically, nothing would be applied: {_obstacle(decision.why, now=True)}."


def why_not_by_hand(decision: Decision) -> str:
    """Say why no credit can be applied by hand; empty where some can."""
    return "" if decision.amount_minor else f"No credit can be applied: {_obstacle(decision.why, now=True)}."


def event_words(one: Happening) -> str:
    """Say what happened, with its amount and the reasons it left behind."""
    words = _ACTIONS.get(one.action, one.action.replace("_", " ").capitalize())
    if one.action in DECISIONS and "why" in one.facts:
        return _said(one)
    if one.amount_minor is not None:
        words = f"{words}: {money(one.amount_minor)}"
    if one.facts.get("reopened"):
        words = f"{words}. The invoice was open again"
    if one.facts.get("undone"):
        words = f"{words}. {_undone(len(one.facts['undone']))}"
    return f"{words}."


def method_words(method: str) -> str:
    """Return a way of paying as people call it."""
    return LABELS.get(method, method.capitalize())


def status_tag(status: str, *, is_overdue: bool = False, has_moved: bool = False) -> tuple[str, Any]:
    """Return the words and the tone of an invoice's tag; `has_moved`: it is open under a survivor."""
    if has_moved:
        return "Moved", TONES[status]
    return ("Overdue", "wrong") if is_overdue else (STATUSES[status], TONES[status])


def state_words(invoice: InvoiceFacts) -> str:
    """Say where the invoice stands in half a sentence, for a notice."""
    if invoice.status == InvoiceStatus.UNPAID:
        return f"{money(invoice.due_minor)} remains to be paid."
    return f"It is {invoice.status} now."


def _undone(count: int) -> str:
    return "A renewal was undone" if count == 1 else f"{count} renewals were undone"


def _said(one: Happening) -> str:
    """Say one decision: “Applied $25.00 of $40.00 by hand: the balance covered no more.”."""
    facts = one.facts
    why = [Why(word) for word in facts["why"] if word in set(Why)]
    trigger = facts.get("trigger")
    when = f" {_WHEN[Trigger(trigger)]}" if trigger in set(Trigger) else ""
    if not one.amount_minor:
        return f"No credit was applied{when}: {_obstacle(why, now=False)}."
    decision = Decision(one.amount_minor, int(facts["due_minor"]), int(facts["usable_minor"]), tuple(why))
    if one.amount_minor == decision.due_minor:
        return f"Applied {money(one.amount_minor)}{when}: all that was due."
    return f"Applied {money(one.amount_minor)} of {money(decision.due_minor)}{when}{_partly(decision, now=False)}."


def _partly(decision: Decision, *, now: bool = True) -> str:
    """Say why it was not more; nothing where somebody simply chose less."""
    why = [one for one in decision.why if one in _PARTLY]
    if why:
        return f": {_PARTLY[why[-1]]}"
    if Why.BALANCE in decision.why and decision.amount_minor >= decision.usable_minor:
        return ": the balance covers no more" if now else ": the balance covered no more"
    return "" if now or decision.amount_minor == decision.due_minor else ", as chosen"


def _obstacle(why: Sequence[Why], *, now: bool) -> str:
    return _OBSTACLES[why[-1]][1 if now else 0] if why else "the rule allowed none"
