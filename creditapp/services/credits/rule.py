"""The one rule of application: how much credit goes on an invoice, and why not more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from creditapp.models import InvoiceKind, InvoiceStatus


class Trigger(StrEnum):
    """What asks for credit to be used."""

    HAND = "hand"
    """Somebody does it, and the automatic rules do not bind."""
    CHECKOUT = "checkout"
    """The customer's own choice in an order; the automatic rules do not bind either."""
    NEW = "new"
    """The invoice has just been generated."""
    ARRIVAL = "arrival"
    """Credit has arrived."""
    DUE = "due"
    """It is due."""


class Why(StrEnum):
    """Why no credit is used, or not more of it."""

    DISABLED = "disabled"
    FROZEN = "frozen"
    NOT_OPEN = "not_open"
    ADD_FUNDS = "add_funds"
    PAYING = "paying"
    SWITCHED_OFF = "switched_off"
    CUSTOMER = "customer"
    KIND = "kind"
    PRODUCT = "product"
    NOTHING_USABLE = "nothing_usable"
    FULL_COVER = "full_cover"
    REMAINDER = "remainder"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class Rules:
    """The switches of the panel, as they stand inside this transaction."""

    credits_enabled: bool
    automatic_on_new: bool
    automatic_on_arrival: bool
    automatic_on_due: bool
    automatic_kinds: str
    full_cover_only: bool
    minimum_remainder_minor: int
    return_grace_days: int

    def is_on(self, trigger: Trigger) -> bool:
        """Return whether credit is used at this moment without anybody asking."""
        if trigger is Trigger.NEW:
            return self.automatic_on_new
        if trigger is Trigger.ARRIVAL:
            return self.automatic_on_arrival
        return self.automatic_on_due if trigger is Trigger.DUE else True


class Owed(NamedTuple):
    """The invoice, as far as the rule is about it; amounts are minor units."""

    kind: str
    status: str
    due_minor: int
    eligible_minor: int
    """How much of the total the automatic rules may pay."""
    credit_minor: int
    is_being_paid: bool


class Decision(NamedTuple):
    """How much credit goes on the invoice, out of what, and why not more."""

    amount_minor: int
    due_minor: int
    usable_minor: int
    why: tuple[Why, ...] = ()

    @property
    def facts(self) -> dict[str, object]:
        """The decision as the invoice's history keeps it."""
        return {"due_minor": self.due_minor, "usable_minor": self.usable_minor, "why": [str(one) for one in self.why]}


def decide(
    rules: Rules,
    owed: Owed,
    usable_minor: int,
    *,
    trigger: Trigger,
    is_frozen: bool = False,
    override: bool | None = None,
) -> Decision:
    """Return how much credit is used; the least of what is usable, what is due and what the rules allow.

    `override` is the customer's own yes or no to automatic use; it stands above the panel's three switches.
    """
    obstacle = _obstacle(rules, owed, is_frozen=is_frozen)
    is_asked_for = trigger is Trigger.HAND or trigger is Trigger.CHECKOUT
    if obstacle is None and not is_asked_for:
        obstacle = _automatic_obstacle(rules, owed, trigger, override)
    if obstacle is None and usable_minor <= 0:
        obstacle = Why.NOTHING_USABLE
    if obstacle is not None:
        return Decision(0, owed.due_minor, usable_minor, (obstacle,))
    if is_asked_for:
        amount_minor = min(usable_minor, owed.due_minor)
        why = (Why.BALANCE,) if amount_minor < owed.due_minor else ()
        return Decision(amount_minor, owed.due_minor, usable_minor, why)
    return _automatic(rules, owed, usable_minor)


def _obstacle(rules: Rules, owed: Owed, *, is_frozen: bool) -> Why | None:
    """Return what stands in the way however credit is used."""
    if owed.kind == InvoiceKind.ADD_FUNDS:
        return Why.ADD_FUNDS
    if owed.status != InvoiceStatus.UNPAID:
        return Why.NOT_OPEN
    if not rules.credits_enabled:
        return Why.DISABLED
    if is_frozen:
        return Why.FROZEN
    return Why.PAYING if owed.is_being_paid else None


def _automatic_obstacle(rules: Rules, owed: Owed, trigger: Trigger, override: bool | None) -> Why | None:  # noqa: FBT001
    """Return what stands in the way of automatic use."""
    if override is False:
        return Why.CUSTOMER
    if override is None and not rules.is_on(trigger):
        return Why.SWITCHED_OFF
    if owed.kind not in rules.automatic_kinds.split(","):
        return Why.KIND
    return Why.PRODUCT if owed.eligible_minor <= owed.credit_minor else None


def _automatic(rules: Rules, owed: Owed, usable_minor: int) -> Decision:
    why = []
    eligible_minor = min(owed.due_minor, owed.eligible_minor - owed.credit_minor)
    if eligible_minor < owed.due_minor:
        why.append(Why.PRODUCT)
    amount_minor = min(usable_minor, eligible_minor)
    if amount_minor < eligible_minor:
        why.append(Why.BALANCE)
    if rules.full_cover_only and amount_minor < owed.due_minor:
        return Decision(0, owed.due_minor, usable_minor, (*why, Why.FULL_COVER))
    rest_minor = owed.due_minor - amount_minor
    if 0 < rest_minor < rules.minimum_remainder_minor:
        amount_minor = max(0, owed.due_minor - rules.minimum_remainder_minor)
        why.append(Why.REMAINDER)
    return Decision(amount_minor, owed.due_minor, usable_minor, tuple(why))
