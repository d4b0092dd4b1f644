"""Downtime: what an outage is worth by a policy, and the policies themselves."""

from creditapp.services.downtime.reckoning import Credit, Fee, Outage, Reckoner, credit_for
from creditapp.services.downtime.terms import Terms
from creditapp.services.downtime.wording import arithmetic

__all__ = ["Credit", "Fee", "Outage", "Reckoner", "Terms", "arithmetic", "credit_for"]
