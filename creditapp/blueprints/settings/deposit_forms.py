"""The form of the tab *Deposits and codes*."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, ValidationError

from creditapp.services.deposits import DepositFields
from creditapp.web.fields import AmountField, VersionField, tell_saved
from creditapp.web.filters import plain
from creditapp.web.forms import Form

TICKS = ("top_up_enabled", "top_up_needs_order", "credit_refunds", "referrals_enabled")
AMOUNTS = ("top_up_min", "top_up_max", "balance_max", "referred", "referrer")


class DepositsForm(Form):
    """How funds are added, whether credit is refunded, and what a referral brings."""

    top_up_enabled = BooleanField("Customers may add funds")
    top_up_min = AmountField("Minimum deposit")
    top_up_max = AmountField("Maximum deposit")
    balance_max = AmountField("Maximum balance", zero=True)
    top_up_needs_order = BooleanField("Require an active order")
    credit_refunds = BooleanField("Credit refunds")
    referrals_enabled = BooleanField("Referral codes")
    referred = AmountField("For the new customer", zero=True)
    referrer = AmountField("For who brought them", zero=True)
    version = VersionField()

    def __init__(self, saved: Any, **kw: Any) -> None:  # noqa: ANN401  (a row of the settings)
        ticks: dict[str, Any] = {name: getattr(saved, name) for name in TICKS}
        amounts = {name: plain(getattr(saved, f"{name}_minor")) for name in AMOUNTS}
        super().__init__(data={**ticks, **amounts, "version": saved.version}, **kw)

    def validate_top_up_max(self, field: AmountField) -> None:
        if field.minor < self.top_up_min.minor:
            raise ValidationError("The maximum deposit must not be below the minimum.")

    def validate_balance_max(self, field: AmountField) -> None:
        if 0 < field.minor < self.top_up_min.minor:
            raise ValidationError("The maximum balance must have room for the minimum deposit; 0 is no limit.")

    def validate_referrer(self, field: AmountField) -> None:
        if self.referrals_enabled.data and not field.minor and not self.referred.minor:
            raise ValidationError("Enter what a referral brings, for one side at least.")

    @property
    def fields(self) -> DepositFields:
        """What is to be saved."""
        ticks = {name: self[name].data for name in TICKS}
        return DepositFields(**ticks, **{f"{name}_minor": self[name].minor for name in AMOUNTS})

    def compare(self, saved: Any) -> None:  # noqa: ANN401  (a row of the settings)
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        for name in TICKS:
            is_on = getattr(saved, name)
            tell_saved(self[name], "on" if is_on else "off", is_on)
        for name in AMOUNTS:
            tell_saved(self[name], plain(getattr(saved, f"{name}_minor")))
        self.version.data = str(saved.version)
