"""What is done to credit: adjust, set the balance, reverse, void, delete, transfer; apply to invoices, unapply.

Each verb runs inside `transact`, logs one entry with its note, and may be repeated under the same key: the second time
it returns what the first one posted. Amounts are minor units, plus is the customer's.
"""

from creditapp.services.credits.adjusting import adjust, set_balance
from creditapp.services.credits.applying import Applied, apply, apply_automatically
from creditapp.services.credits.removing import unapply
from creditapp.services.credits.returning import take_back
from creditapp.services.credits.rule import Decision, Trigger, Why
from creditapp.services.credits.transferring import Transferred, transfer
from creditapp.services.credits.undoing import delete, reverse, void
from creditapp.services.credits.usable import usable_minor

__all__ = [
    "Applied",
    "Decision",
    "Transferred",
    "Trigger",
    "Why",
    "adjust",
    "apply",
    "apply_automatically",
    "delete",
    "reverse",
    "set_balance",
    "take_back",
    "transfer",
    "unapply",
    "usable_minor",
    "void",
]
