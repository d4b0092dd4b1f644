"""The panel's settings: one row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from creditapp.columns import UtcDateTime
from creditapp.db import Base


class Setting(Base):
    """What *Admin → Billing → Settings* saves. Locked `FOR SHARE` by what depends on a switch."""

    __tablename__ = "settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("minimum_remainder_minor BETWEEN 0 AND 100000000000", name="minimum_remainder_is_an_amount"),
        CheckConstraint("return_grace_days BETWEEN 0 AND 366", name="return_grace_is_within_a_year"),
        CheckConstraint("renewal_lead_days BETWEEN 0 AND 60", name="renewal_lead_is_short"),
        CheckConstraint("payment_terms_days BETWEEN 0 AND 120", name="payment_terms_are_short"),
        CheckConstraint("duplicate_window_days BETWEEN 0 AND 90", name="duplicate_window_is_short"),
        CheckConstraint("top_up_min_minor BETWEEN 1 AND 100000000000", name="top_up_min_is_an_amount"),
        CheckConstraint("top_up_max_minor BETWEEN 1 AND 100000000000", name="top_up_max_is_an_amount"),
        CheckConstraint("balance_max_minor BETWEEN 0 AND 1000000000000", name="balance_max_is_a_balance"),
        CheckConstraint("referred_minor BETWEEN 0 AND 100000000000", name="referred_is_an_amount"),
        CheckConstraint("referrer_minor BETWEEN 0 AND 100000000000", name="referrer_is_an_amount"),
        CheckConstraint("low_balance_minor BETWEEN 0 AND 100000000000", name="low_balance_is_an_amount"),
        CheckConstraint("expiry_notice_days BETWEEN 0 AND 90", name="expiry_notice_is_short"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    credits_enabled: Mapped[bool] = mapped_column(default=True)
    currency: Mapped[str] = mapped_column(String(3))
    company_name: Mapped[str] = mapped_column(String(80))
    time_zone: Mapped[str] = mapped_column(String(64))
    duplicate_window_days: Mapped[int]
    automatic_on_new: Mapped[bool] = mapped_column(default=True)
    """Credit is used by itself on invoices the moment they are generated."""
    automatic_on_arrival: Mapped[bool] = mapped_column(default=False)
    """… on open invoices when credit arrives."""
    automatic_on_due: Mapped[bool] = mapped_column(default=False)
    """… on open invoices on their due dates."""
    automatic_kinds: Mapped[str] = mapped_column(String(60), default="order,renewal,manual,clawback")
    """The kinds of invoice on which it is used by itself, with commas between."""
    full_cover_only: Mapped[bool] = mapped_column(default=False)
    """… only where it covers the whole of what is due."""
    minimum_remainder_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """… leaving at least so much to be charged, or nothing."""
    return_grace_days: Mapped[int] = mapped_column(default=14)
    """How long credit can be used that comes back after its date."""
    renewal_lead_days: Mapped[int] = mapped_column(default=7)
    """How many days before it is due a renewal invoice is made."""
    payment_terms_days: Mapped[int] = mapped_column(default=14)
    """How many days after it is issued any other invoice is due."""
    prices_include_tax: Mapped[bool] = mapped_column(default=False)
    gateways: Mapped[str] = mapped_column(String(60), default="bank,sandbox")
    """The gateways that are offered to customers, with commas between."""
    bank_details: Mapped[str] = mapped_column(String(500), default="")
    """Where a bank transfer goes to, as the customer reads it."""
    top_up_enabled: Mapped[bool] = mapped_column(default=True)
    """Customers may add funds."""
    top_up_min_minor: Mapped[int] = mapped_column(BigInteger, default=500)
    top_up_max_minor: Mapped[int] = mapped_column(BigInteger, default=100_000)
    balance_max_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """The highest balance that adding funds may lead to, what is on its way counted in; 0: no limit."""
    top_up_needs_order: Mapped[bool] = mapped_column(default=False)
    """Only customers with an active subscription may add funds."""
    credit_refunds: Mapped[bool] = mapped_column(default=False)
    """Unspent paid credit may go back through the method it came by."""
    referrals_enabled: Mapped[bool] = mapped_column(default=False)
    referred_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """What the customer who was brought gets."""
    referrer_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """What the customer gets who brought them."""
    mail_from: Mapped[str] = mapped_column(String(254), default="")
    """The address mails come from; empty: none are sent."""
    low_balance_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    """Below this balance a customer is told; 0: never."""
    expiry_notice_days: Mapped[int] = mapped_column(default=14)
    """How long before credit lapses its owner is told; 0: not at all."""
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
