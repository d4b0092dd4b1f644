"""Call-backs: what gateways tell us takes effect once, in whatever order and however often it is told.

Every event is kept, and what a payment of theirs stands at is computed from all of its events, never from the one that
came last. Our books are then moved towards that. So the same set of events has one outcome.
"""

from creditapp.services.callbacks.captures import CAPTURES, book, follow, payment_key
from creditapp.services.callbacks.events import Taken, is_known, select_events
from creditapp.services.callbacks.matching import Teller
from creditapp.services.callbacks.standing import MONEY, Standing, stand
from creditapp.services.callbacks.taking import follow_up, take

__all__ = [
    "CAPTURES",
    "MONEY",
    "Standing",
    "Taken",
    "Teller",
    "book",
    "follow",
    "follow_up",
    "is_known",
    "payment_key",
    "select_events",
    "stand",
    "take",
]
