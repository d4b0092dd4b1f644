"""The sandbox: a card gateway of our own, to try things out with. No card is charged, and no money moves.

This is the far end, with rows of its own: pages on which a card is charged, charges, refunds, and call-backs that are
sent over HTTP until they are heard. Our books know of it only what it tells, as of any other gateway.
"""

from creditapp.gateways.sandbox.charges import Act, charges_of
from creditapp.gateways.sandbox.delivering import HEADER, Delivered, deliver
from creditapp.gateways.sandbox.gateway import Sandbox
from creditapp.gateways.sandbox.pages import PageState, act, find
from creditapp.gateways.sandbox.telling import MERCHANT

__all__ = [
    "HEADER",
    "MERCHANT",
    "Act",
    "Delivered",
    "PageState",
    "Sandbox",
    "act",
    "charges_of",
    "deliver",
    "find",
]
