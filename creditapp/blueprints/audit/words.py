"""The words of the audit log: what was done, to what, by whom, and what a value was."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for

from creditapp.permissions import Permission, can
from creditapp.services.audit import Action
from creditapp.services.ledger import reference
from creditapp.web.filters import money, percent

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "signing-in": ("Signing in", ("signed_", "sign_in_", "sessions_", "factor_", "recovery_", "proved")),
    "passwords": ("Passwords and links", ("password_", "reset_", "client_")),
    "staff": ("Staff", ("staff_",)),
    "customers": ("Users", ("customer", "view_", "balance_")),
    "billing": ("Billing", ("payment_", "invoice_", "product_", "promo_", "subscription_", "suspense_", "mail_sent_")),
    "downtime": ("Downtime", ("incident_", "preview_", "batch_", "policy_")),
    "settings": ("Settings", ("settings_", "limits_", "reason_", "mail_te")),
    "exports": ("Exports", ("exported",)),
    "refusals": ("Refusals", ("refused",)),
    "verification": ("Verification", ("chain_",)),
}
"""What the acts are filed under: the label, and how their words begin; the first that fits counts."""
_SAID = {
    Action.SIGN_IN_FAILED: "Failed to sign in",
    Action.CUSTOMERS_IMPORTED: "Users imported",
    Action.CLIENT_INVITED: "Invited to the client area",
    Action.CLIENT_LOG_IN_MADE: "Log-in to the client area made",
    Action.CLIENT_LOG_IN_ENDED: "Log-in to the client area ended",
    Action.RESET_ASKED: "Link for a new password asked for",
    Action.CHAIN_VERIFIED: "Audit log verified",
    Action.STAFF_LINK_SENT: "Link for a new password sent",
    Action.PROVED: "Password given again",
    Action.FACTOR_SET_UP: "Second factor set up",
    Action.FACTOR_SWITCHED_OFF: "Second factor switched off",
    Action.FACTOR_RESET: "Second factor reset",
    Action.VIEW_BEGUN: "Looked at the client area as the user",
    Action.VIEW_ENDED: "Stopped looking as the user",
}
_PAGES: dict[str, tuple[str, str, str]] = {
    "customer": ("User", "users.show", "customer_id"),
    "history": ("User", "users.show", "customer_id"),
    "staff": ("Staff", "staff.show", "staff_id"),
    "invoice": ("Invoice", "invoices.show", "invoice_id"),
    "payment": ("Payment", "payments.show", "payment_id"),
    "product": ("Product", "products.edit", "product_id"),
    "promo_code": ("Promo code", "promos.show", "promo_id"),
    "promo_uses": ("Promo code", "promos.show", "promo_id"),
    "reason": ("Reason", "settings.edit_reason", "reason_id"),
    "incident": ("Incident", "incidents.show", "incident_id"),
    "batch": ("Batch", "batches.show", "batch_id"),
    "batch_lines": ("Batch", "batches.show", "batch_id"),
    "refused lines": ("Batch", "batches.show", "batch_id"),
    "downtime_policy": ("Downtime policy", "settings.edit_policy", "policy_id"),
    "gateway_event": ("Gateway event", "suspense.show", "event_id"),
}
"""Where an object is to be seen: what it is called, its page, and what the page's URL calls its number."""
_LISTS = {
    "settings": "settings.show",
    "import": "imports.upload",
    "customers": "users.index",
    "invoices": "invoices.index",
    "payments": "payments.index",
    "adjustments": "credits.index",
    "balances": "credits.index",
    "audit": "audit.index",
}
NAMED = {
    **{kind: page[0] for kind, page in _PAGES.items() if kind not in {"history", "batch_lines", "refused lines"}},
    "subscription": "Subscription",
    "promo_uses": "Uses of a promo code",
}
"""The objects that can be asked for by number."""
UNNUMBERED = {
    "page": "A page",
    "import": "Import of users",
    "customers": "List of users",
    "invoices": "List of invoices",
    "payments": "List of payments",
    "adjustments": "List of adjustments",
    "balances": "List of balances",
    "audit": "Audit log",
}
"""The objects that have no number."""
ONLY_ONE = {"settings": "Settings"}
"""The objects of which there is one, number 1."""


def action_words(action: str) -> str:
    """Return what was done: `Settings saved`."""
    said = _SAID.get(Action(action)) if action in set(Action) else None
    return said or action.replace("_", " ").replace("customer", "user").capitalize()


def group_of(action: str) -> str:
    """Return the name of the group that the act is filed under; `other` for the rest."""
    return next((name for name, (_label, heads) in GROUPS.items() if action.startswith(heads)), "other")


def actions_of(group: str) -> tuple[str, ...]:
    """Return the acts of a group, or the one act of this name; none for anything else."""
    if group in set(Action):
        return (group,)
    return tuple(str(action) for action in Action if group_of(action) == group)


def action_choices() -> list[tuple[str, str]]:
    """Return what can be picked: the groups, each followed by its acts."""
    choices = [("", "Anything")]
    for name, (label, _heads) in [*GROUPS.items(), ("other", ("Other", ()))]:
        known = [str(action) for action in Action if group_of(action) == name]
        if known:
            choices.append((name, label))
        if len(known) > 1:
            choices += [(action, f"– {action_words(action)}") for action in known]
    return choices


def object_choices() -> list[tuple[str, str]]:
    """Return what the acts can be about."""
    return [("", "Anything"), *sorted({**NAMED, **ONLY_ONE, **UNNUMBERED}.items(), key=lambda choice: choice[1])]


def object_words(kind: str, number: int | None) -> str:
    """Return what the act was about: `User #42`."""
    if number is None or kind in ONLY_ONE:
        return {**ONLY_ONE, **UNNUMBERED}.get(kind) or kind.replace("_", " ").capitalize()
    label = _PAGES[kind][0] if kind in _PAGES else NAMED.get(kind) or kind.replace("_", " ").capitalize()
    return f"{label} #{number}"


def object_url(kind: str, number: int | None) -> str | None:
    """Return where the object is to be seen, for who may see it."""
    if number is not None and kind in _PAGES:
        _label, endpoint, name = _PAGES[kind]
        values: dict[str, Any] = {name: number}
        return url_for(endpoint, **values) if _is_open(endpoint) else None
    endpoint = _LISTS.get(kind, "")
    return url_for(endpoint) if endpoint and _is_open(endpoint) else None


def person_words(kind: str, number: int | None, name: str | None) -> str:
    """Return who acted, by name where there is one."""
    if kind == "system" and number is None:
        return "System"
    return name or f"{ {'staff': 'Staff', 'customer': 'User'}.get(kind, kind.capitalize()) } #{number}"


def person_url(kind: str, number: int | None) -> str | None:
    """Return the page of who acted, for who may see it."""
    return object_url(kind, number) if kind in {"staff", "customer"} else None


def entry_words(row: Any) -> tuple[str, str]:  # noqa: ANN401  (a row of entries)
    """Return an entry's wording and its reference."""
    return row.description, reference(row.customer_id, row.seq)


def field_words(name: str) -> str:
    """Return a column's name as people say it: `Amount`, `Joined on`."""
    plain = name.removesuffix("_minor").removesuffix("_bp").removesuffix("_id").rstrip("_")
    return plain.replace("_", " ").capitalize()


def value_words(name: str, value: Any) -> str:  # noqa: ANN401  (what JSON held)
    """Return a value as people say it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(value_words(name, one) for one in value) or "–"
    if isinstance(value, int) and name.endswith("_minor"):
        return money(value)
    if isinstance(value, int) and name.endswith("_bp"):
        return f"{percent(value)} %"
    return str(value)


def _is_open(endpoint: str) -> bool:
    """Return whether there is such a page and this person may see it."""
    needed = getattr(current_app.view_functions.get(endpoint), "__permission__", None)
    return needed in set(Permission) and can(needed)
