"""What a code brings, in words: the same on every page that takes one."""

from __future__ import annotations

from creditapp.services.offers import Offer
from creditapp.web.filters import day, money


def brings_words(offer: Offer) -> str:
    """Return a sentence like `The code SPRING brings $10.00 of credit at once, usable until 3 May 2026.`."""
    if offer.referrer_id is not None:
        sides = []
        if offer.amount_minor:
            sides.append(f"{money(offer.amount_minor)} of credit")
        if offer.referrer_minor:
            sides.append(f"{money(offer.referrer_minor)} to who passed it on")
        return f"The referral code {offer.code} brings {' and '.join(sides)} when the order is paid."
    when = "when the order is paid" if offer.when_paid else "at once"
    words = f"The code {offer.code} brings {money(offer.amount_minor)} of credit {when}"
    if offer.last_day is None:
        return f"{words}."
    if offer.when_paid:
        return f"{words}; paid today, it could be used until {day(offer.last_day)}."
    return f"{words}, usable until {day(offer.last_day)}."
