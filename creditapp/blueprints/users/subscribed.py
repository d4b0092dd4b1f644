"""The subscriptions on a customer's page, with what may be done about them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import url_for

from creditapp.db import db
from creditapp.models import Cycle
from creditapp.permissions import Permission, can
from creditapp.queries import subscriptions
from creditapp.queries.customers import Profile
from creditapp.queries.subscriptions import SubscriptionFacts
from creditapp.services import customers
from creditapp.web import lists
from creditapp.web.lists import Column

COLUMNS = (
    Column("Product"),
    Column("Location"),
    Column("Next due"),
    Column("Paid until"),
    Column("Status"),
    Column("Price", numeric=True),
)
SHOWN = 20
ALL_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What the section shows."""

    rows: Sequence[SubscriptionFacts]
    columns: Sequence[Column]
    can_edit: bool
    can_cancel: bool
    add_url: str | None
    all_url: str | None
    """Where all are shown; None when all are."""
    cycle_of: type[Cycle] = Cycle


def read_subscribed(customer: Profile, args: Mapping[str, str]) -> Subscribed | None:
    """Return the first of the customer's subscriptions, or all with `?subscriptions=all`; None for who may not see."""
    if not can(Permission.SUBSCRIPTION_READ):
        return None
    most = ALL_MAX if args.get("subscriptions") == "all" else SHOWN
    found = subscriptions.of_customer(db.session(), customer.id, most=most + 1)
    can_cancel = can(Permission.SUBSCRIPTION_WRITE)
    can_edit = can_cancel and customer.status in customers.BY_HAND
    path = url_for("users.show", customer_id=customer.id)
    has_more = len(found) > most
    return Subscribed(
        rows=found[:most],
        columns=[*COLUMNS, Column("")] if can_cancel else COLUMNS,
        can_edit=can_edit,
        can_cancel=can_cancel,
        add_url=url_for("users.new_subscription", customer_id=customer.id) if can_edit else None,
        all_url=lists.link(path, {"subscriptions": "all"}, "subscriptions") if has_more and most == SHOWN else None,
    )
