"""Merging two customers into one: all that is theirs is the survivor's afterwards, and no cent is lost or made.

History stays where it was made, under the merged id, and is shown with the survivor's. What comes back to it later
passes through to the survivor. See docs/decisions/0022.
"""

from creditapp.services.merging.bills import ISSUED_AGAIN, MOVED
from creditapp.services.merging.lots import followed
from creditapp.services.merging.passing_on import through
from creditapp.services.merging.people import Merged, Seen, merge

__all__ = ["ISSUED_AGAIN", "MOVED", "Merged", "Seen", "followed", "merge", "through"]
