"""The customers' door: invitations, log-ins, forgotten passwords. A link opens one form, once.

Passwords are hashed outside of transactions. Of a link only the digest is kept: whoever reads the database opens
nothing with it.
"""

from creditapp.services.client_access.invitations import accept, invite
from creditapp.services.client_access.links import LinkFacts, find_link
from creditapp.services.client_access.log_ins import (
    IDLE_MAX,
    SESSION_MAX,
    change_password,
    end,
    find_log_in,
    make_log_in,
    record_failure,
)
from creditapp.services.client_access.profiles import Profile, edit_profile
from creditapp.services.client_access.resets import ask_reset, reset

__all__ = [
    "IDLE_MAX",
    "SESSION_MAX",
    "LinkFacts",
    "Profile",
    "accept",
    "ask_reset",
    "change_password",
    "edit_profile",
    "end",
    "find_link",
    "find_log_in",
    "invite",
    "make_log_in",
    "record_failure",
    "reset",
]
