"""What can be done with a customer but seldom is: the menu *More* of the page about them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from creditapp.blueprints.users.forms import BY_HAND
from creditapp.permissions import Permission, can
from creditapp.queries.customers import Profile
from creditapp.web.forms import BareForm


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu: a link, or a button that sends its form."""

    label: str
    url: str
    icon: str
    is_dangerous: bool = False
    form: BareForm | None = None


def menu_of(customer: Profile) -> list[MenuItem]:
    """Return what the person who asks may do with this customer; nothing with who is closed or merged."""
    if customer.status not in BY_HAND:
        return []
    frozen = ("Release balance", "release", "check") if customer.frozen_at else ("Freeze balance", "freeze", "lock")
    offered = (
        (Permission.CUSTOMER_MERGE, "Merge Client Accounts", "merge", "link-2"),
        (Permission.CREDIT_TRANSFER, "Transfer credit", "transfer", "arrow-right"),
        (Permission.CUSTOMER_FREEZE, *frozen),
        (Permission.CUSTOMER_VIEW_AS, "View as customer", "view_as", "external-link"),
        (Permission.CUSTOMER_DELETE, "Delete", "delete_customer", "x"),
    )
    return [
        MenuItem(
            label,
            url_for(f"users.{view}", customer_id=customer.id),
            icon,
            is_dangerous=view == "delete_customer",
            form=BareForm(sent=False) if view == "view_as" else None,
        )
        for permission, label, view, icon in offered
        if can(permission)
    ]
