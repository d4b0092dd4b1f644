"""Staff's door: who may come in, as what, and until when. A link opens one form, once.

Everything here is checked against the row of whoever asks as it stands inside the transaction: who has just been
disabled or given a lower role does nothing more. Passwords are hashed outside of transactions.
"""

from creditapp.services.staff_access.editing import (
    StaffFields,
    disable,
    edit,
    enable,
    end_sessions,
    require_factor,
    reset_factor,
)
from creditapp.services.staff_access.invitations import (
    INVITATION_LIFE,
    Invitation,
    accept,
    find_invitation,
    invite,
    withdraw,
)
from creditapp.services.staff_access.people import RANKS, may_give
from creditapp.services.staff_access.profiles import change_email, change_password, rename
from creditapp.services.staff_access.resets import ResetLink, ask_reset, find_reset, reset, send_reset

__all__ = [
    "INVITATION_LIFE",
    "RANKS",
    "Invitation",
    "ResetLink",
    "StaffFields",
    "accept",
    "ask_reset",
    "change_email",
    "change_password",
    "disable",
    "edit",
    "enable",
    "end_sessions",
    "find_invitation",
    "find_reset",
    "invite",
    "may_give",
    "rename",
    "require_factor",
    "reset",
    "reset_factor",
    "send_reset",
    "withdraw",
]
