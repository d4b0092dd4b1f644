"""The card about referrals on a user's page."""

from __future__ import annotations

from dataclasses import dataclass

from creditapp.db import db
from creditapp.permissions import Permission, can
from creditapp.queries import promos
from creditapp.queries.customers import Profile
from creditapp.queries.promos import Referred
from creditapp.services.customers import BY_HAND
from creditapp.services.deposits import select_saved
from creditapp.web.forms import BareForm


@dataclass(frozen=True, slots=True)
class ReferralCard:
    """What the card shows; `form` is the button that makes a code, None where there is one or nobody may."""

    facts: Referred
    form: BareForm | None


def read_referral(customer: Profile) -> ReferralCard | None:
    """Return the card; None where referrals are off and this customer has nothing to do with any."""
    session = db.session()
    facts = promos.referred(session, customer.id)
    is_on = session.execute(select_saved()).one().referrals_enabled
    if not (is_on or facts.code or facts.by_id):
        return None
    may = is_on and not facts.code and customer.status in BY_HAND and can(Permission.CUSTOMER_WRITE)
    return ReferralCard(facts, BareForm(sent=False) if may else None)
