"""Who may: permissions, roles as data, and the declaration every view carries."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from flask import abort, current_app, request
from flask_login import current_user

from creditapp.models import Role

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.routing import Rule

PUBLIC = "public"
SIGNED_IN = "signed_in"
CUSTOMER_ONLY = "customer_only"
CLIENT_AREA = "/account"
"""Everything below it is the customers' door; everything else is staff's."""
View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    """One thing a person may do, as `resource:action`."""

    CUSTOMER_READ = "customer:read"
    CUSTOMER_WRITE = "customer:write"
    CUSTOMER_IMPORT = "customer:import"
    CUSTOMER_EXPORT = "customer:export"
    CUSTOMER_INVITE = "customer:invite"
    """Give a customer a log-in to the client area, and take it away: who has the link could use it themselves."""
    CUSTOMER_MERGE = "customer:merge"
    """Merge two customers into one."""
    CUSTOMER_DELETE = "customer:delete"
    """Close a customer and take every personal word out."""
    CUSTOMER_FREEZE = "customer:freeze"
    """Make a balance unusable, and usable again."""
    CUSTOMER_VIEW_AS = "customer:view_as"
    """Look at the client area as a customer sees it, without being able to do anything there."""
    CREDIT_READ = "credit:read"
    CREDIT_ADJUST = "credit:adjust"
    CREDIT_SET_BALANCE = "credit:set_balance"
    CREDIT_REVERSE = "credit:reverse"
    CREDIT_TRANSFER = "credit:transfer"
    """Move credit from one customer to another."""
    CREDIT_EXPORT = "credit:export"
    """Export many customers' entries at once."""
    HISTORY_EXPORT = "history:export"
    """Export one customer's entries."""
    PRODUCT_READ = "product:read"
    PRODUCT_WRITE = "product:write"
    SUBSCRIPTION_READ = "subscription:read"
    SUBSCRIPTION_WRITE = "subscription:write"
    INVOICE_READ = "invoice:read"
    INVOICE_WRITE = "invoice:write"
    """Make and issue invoices; cancel drafts and unpaid ones."""
    INVOICE_APPLY = "invoice:apply"
    """Apply credit to an invoice, and remove it."""
    INVOICE_VOID = "invoice:void"
    """Void an invoice that has been paid, or refund it to credit."""
    INVOICE_EXPORT = "invoice:export"
    PAYMENT_READ = "payment:read"
    PAYMENT_WRITE = "payment:write"
    """Record what came in."""
    PAYMENT_VOID = "payment:void"
    """Say that a payment never came, and take back what it did."""
    PAYMENT_EXPORT = "payment:export"
    REFUND_WRITE = "refund:write"
    """Send money back to where it came from."""
    ORDER_WRITE = "order:write"
    """Place orders for customers."""
    CREDIT_IMPORT = "credit:import"
    """Post adjustments from a file."""
    INCIDENT_READ = "incident:read"
    INCIDENT_WRITE = "incident:write"
    """Record incidents, look at what they come to, and issue it within one's own limit."""
    BATCH_REVERSE = "batch:reverse"
    """Take back what a whole batch has given."""
    MAIL_READ = "mail:read"
    MAIL_WRITE = "mail:write"
    """Send a mail again that has failed."""
    PROMO_READ = "promo:read"
    PROMO_WRITE = "promo:write"
    """Make, edit and switch off promo codes."""
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    STAFF_READ = "staff:read"
    STAFF_WRITE = "staff:write"
    """Invite staff, give them roles, disable them and end their sessions."""
    AUDIT_READ = "audit:read"
    """Read the audit log; whoever is no admin or auditor sees their own acts, a manager those of agents, too."""
    AUDIT_VERIFY = "audit:verify"
    """See everybody's acts, have the chain verified, and export the log."""


_READS = {
    Permission.CUSTOMER_READ,
    Permission.CREDIT_READ,
    Permission.HISTORY_EXPORT,
    Permission.PRODUCT_READ,
    Permission.SUBSCRIPTION_READ,
    Permission.INVOICE_READ,
    Permission.PAYMENT_READ,
    Permission.MAIL_READ,
    Permission.PROMO_READ,
    Permission.INCIDENT_READ,
    Permission.AUDIT_READ,
}
_AGENT = _READS | {
    Permission.CUSTOMER_WRITE,
    Permission.CREDIT_ADJUST,
    Permission.CREDIT_REVERSE,
    Permission.SUBSCRIPTION_WRITE,
    Permission.INVOICE_APPLY,
    Permission.ORDER_WRITE,
    Permission.MAIL_WRITE,
    Permission.INCIDENT_WRITE,
    Permission.CUSTOMER_VIEW_AS,
}
_MANAGER = _AGENT | {
    Permission.CREDIT_SET_BALANCE,
    Permission.CREDIT_EXPORT,
    Permission.CUSTOMER_EXPORT,
    Permission.CUSTOMER_INVITE,
    Permission.PRODUCT_WRITE,
    Permission.PROMO_WRITE,
    Permission.INVOICE_WRITE,
    Permission.INVOICE_VOID,
    Permission.INVOICE_EXPORT,
    Permission.PAYMENT_WRITE,
    Permission.PAYMENT_EXPORT,
    Permission.REFUND_WRITE,
    Permission.CREDIT_IMPORT,
    Permission.BATCH_REVERSE,
    Permission.CREDIT_TRANSFER,
    Permission.CUSTOMER_FREEZE,
}

ROLES: dict[Role, frozenset[Permission]] = {
    Role.AGENT: frozenset(_AGENT),
    Role.MANAGER: frozenset(_MANAGER),
    Role.ADMIN: frozenset(Permission),
    Role.AUDITOR: frozenset(
        _READS
        | {
            Permission.CREDIT_EXPORT,
            Permission.CUSTOMER_EXPORT,
            Permission.INVOICE_EXPORT,
            Permission.PAYMENT_EXPORT,
            Permission.SETTINGS_READ,
            Permission.STAFF_READ,
            Permission.AUDIT_VERIFY,
        }
    ),
}


def requires(permission: Permission) -> Callable[[View], View]:
    """Declare which permission the view asks for."""

    def declare(view: View) -> View:
        view.__permission__ = permission  # type: ignore[attr-defined]
        return view

    return declare


def dangerous(view: View) -> View:
    """Declare that the view asks for the password again where it was given more than ten minutes ago."""
    view.__asks_again__ = True  # type: ignore[attr-defined]
    return view


def before_set_up(view: View) -> View:
    """Declare that the view is open to who has still to set up a second factor, or to choose a longer password."""
    view.__before_set_up__ = True  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Declare that the view is open to everybody."""
    view.__permission__ = PUBLIC  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Declare that the view is open to whoever has signed in."""
    view.__permission__ = SIGNED_IN  # type: ignore[attr-defined]
    return view


def customer_only(view: View) -> View:
    """Declare that the view is open to a customer who has signed in to the client area, and to no staff."""
    view.__permission__ = CUSTOMER_ONLY  # type: ignore[attr-defined]
    return view


def at_client_door() -> bool:
    """Return whether this request came to the client area. Each door has its own cookie and its own people."""
    return _is_in_client_area(request.path)


def can(permission: Permission | str) -> bool:
    """Return whether the person who asks may do this. A customer may do nothing that staff need a permission for."""
    if not current_user.is_authenticated or current_user.is_customer:
        return False
    return Permission(permission) in ROLES[Role(current_user.role)]


def init_permissions(app: Flask) -> None:
    """Refuse to start with an undeclared view, and check each request against its view's declaration."""
    undeclared = sorted(
        name for name, view in app.view_functions.items() if name != "static" and not hasattr(view, "__permission__")
    )
    if undeclared:
        raise RuntimeError(f"Views without @requires, @signed_in or @public: {', '.join(undeclared)}")
    at_wrong_door = sorted(rule.rule for rule in app.url_map.iter_rules() if not _fits_its_door(app, rule))
    if at_wrong_door:
        raise RuntimeError(f"Views at the wrong door: {', '.join(at_wrong_door)}")
    app.before_request(_check)


def _is_in_client_area(path: str) -> bool:
    return path == CLIENT_AREA or path.startswith(f"{CLIENT_AREA}/")


def _fits_its_door(app: Flask, rule: Rule) -> bool:
    """Return whether what the view declares can be found out where it is: below `/account` only a customer signs in."""
    declared = getattr(app.view_functions[rule.endpoint], "__permission__", PUBLIC)
    return declared == PUBLIC or (declared == CUSTOMER_ONLY) == _is_in_client_area(rule.rule)


def _check() -> Any:  # noqa: ANN401  (None, or the log-in manager's answer)
    if request.endpoint is None or request.endpoint == "static":
        return None
    declared = getattr(current_app.view_functions[request.endpoint], "__permission__", None)
    if declared is None:  # a view that came after the application had started
        abort(403)
    if declared == PUBLIC:
        return None
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    if current_user.is_customer != (declared == CUSTOMER_ONLY):
        abort(403)
    if declared not in {SIGNED_IN, CUSTOMER_ONLY} and not can(declared):
        abort(403)
    return None
