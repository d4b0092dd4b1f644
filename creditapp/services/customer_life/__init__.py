"""The end of a customer: what they are owed is settled, the account is closed, and every personal word is taken out.

Entries, payments, issued invoices and audit rows stay as they were, under a pseudonym, and the chains stay whole: they
hold salted digests of words, never the words. See docs/decisions/0023.
"""

from creditapp.services.customer_life.closing import Deleted, delete, pseudonym
from creditapp.services.customer_life.settling import Choices, Way
from creditapp.services.customer_life.standing import Forecast, Underway, forecast, open_invoices, underway

__all__ = [
    "Choices",
    "Deleted",
    "Forecast",
    "Underway",
    "Way",
    "delete",
    "forecast",
    "open_invoices",
    "pseudonym",
    "underway",
]
