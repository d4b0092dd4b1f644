"""Who does what to whom, how much and why: the dice of a made-up history."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from creditapp.models import Role
from creditapp.services import actor
from creditapp.services.actor import Actor
from creditapp.services.demo.scene import Scene, Why

ROUND_SHARE = 0.4
ROUND = (5, 5, 10, 10, 10, 15, 20, 25, 50, 100)
TYPICAL, SPREAD, LARGEST = 2.6, 0.8, 900
"""Other amounts are small, with a long tail: their logarithm is normal around `TYPICAL`."""
FAME = 1.8
"""Above 1, few customers are heard of often and most hardly ever."""
PICKS = 12
"""How often somebody with enough credit is looked for."""

_REASONS = {"Courtesy": 35, "Billing error": 20, "Promotion": 18, "Refund as credit": 14, "Downtime": 8}
_OTHER_REASONS = 6
_ROLES = ((Role.AGENT, 60), (Role.MANAGER, 28), (Role.ADMIN, 12))

Thing = TypeVar("Thing")


class People:
    """Draws customers, makers, reasons and amounts."""

    def __init__(self, scene: Scene, random: Random) -> None:
        self.scene = scene
        self.random = random
        self.customers = list(scene.customers)
        random.shuffle(self.customers)

    def happens(self, share: float) -> bool:
        """Return True in this share of all cases."""
        return self.random.random() < share

    def customer(self) -> int:
        """Return somebody's customer id."""
        return self.customers[int(len(self.customers) * self.random.random() ** FAME)]

    def crowd(self, count: int) -> list[int]:
        """Return so many different customers, or all there are."""
        return self.random.sample(self.customers, min(count, len(self.customers)))

    def holder(self) -> tuple[int, int] | None:
        """Return somebody who holds credit, and how much; None when nobody was found."""
        for _ in range(PICKS):
            customer_id = self.customer()
            if self.scene.balances[customer_id] >= self.scene.scale:
                return customer_id, self.scene.balances[customer_id]
        return None

    def amount(self) -> int:
        """Return an amount in minor units: often a round one, mostly small, now and then large."""
        if self.happens(ROUND_SHARE):
            return self.random.choice(ROUND) * self.scene.scale
        drawn = self.random.lognormvariate(TYPICAL, SPREAD) * self.scene.scale
        return min(max(1, int(drawn)), LARGEST * self.scene.scale)

    def reason(self, direction: str, name: str | None = None) -> Why | None:
        """Return a reason for this direction: the one of this name, or as often as each is given."""
        fitting = [why for why in self.scene.reasons if why.direction in {direction, "both"}]
        if name is not None:
            return next((why for why in fitting if why.name == name), None)
        loud = [(why, _REASONS.get(why.name, _OTHER_REASONS)) for why in fitting if not why.is_quiet]
        return self._pick(loud) if loud else None

    def maker(self, role: Role | None = None) -> Actor:
        """Return somebody who may post: of this role if there is anybody, or as the work is shared out."""
        makers = self.scene.makers
        chosen = role if role and makers[role] else self._pick([(its, w) for its, w in _ROLES if makers[its]])
        return actor.staff(self.random.choice(makers[chosen]))

    def _pick(self, weighted: Sequence[tuple[Thing, int]]) -> Thing:
        things = [thing for thing, _weight in weighted]
        return self.random.choices(things, [weight for _thing, weight in weighted])[0]
