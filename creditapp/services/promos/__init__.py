"""Promo codes: the managed list of them, what one brings in an order, and the credit that comes of it.

A code is used in the transaction that places the order (`use`), under the lock of the customer's account; how often it
has been used is counted by a guarded UPDATE of its row, locked after accounts and invoices. `orders_paid` calls
`grant` when an order is paid and `take_back` when it is undone. See docs/decisions/0016.
"""

from creditapp.services.offers import Offer
from creditapp.services.promos.checking import check
from creditapp.services.promos.editing import PromoFields, create, edit, switch_off
from creditapp.services.promos.granting import drop, grant, take_back, use

__all__ = [
    "Offer",
    "PromoFields",
    "check",
    "create",
    "drop",
    "edit",
    "grant",
    "switch_off",
    "take_back",
    "use",
]
