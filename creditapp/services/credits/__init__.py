"""What staff do to credit by hand: adjust, set the balance, reverse, void, delete.

Each verb runs inside `transact`, logs one entry with its note, and may be repeated under the same key: the second time
it returns what the first one posted. Amounts are minor units, plus is the customer's.
"""

from creditapp.services.credits.adjusting import adjust, set_balance
from creditapp.services.credits.undoing import delete, reverse, void
from creditapp.services.credits.usable import usable_minor

__all__ = ["adjust", "delete", "reverse", "set_balance", "usable_minor", "void"]
