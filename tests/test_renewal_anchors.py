"""Renewals on anchors 28 to 31 over four years in five zones: no drift, no double, no gap.

The calendar is the same on both engines, and at any isolation: SQLite goes through all zones, PostgreSQL through the
two oddest.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.jobs import daily
from creditapp.models import Invoice, Subscription
from tests.factories import change_settings, make_customer, make_subscription

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
ODDEST = ("Australia/Lord_Howe", "Pacific/Apia")
ANCHORS = (28, 29, 30, 31)
MONTHS = 48


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "zone_name"), [("sqlite", zone) for zone in ZONES] + [("postgresql", zone) for zone in ODDEST]
)
def test_anchors_neither_drift_nor_double_nor_leave_a_gap(app: Flask, zone_name: str) -> None:
    """Forty-eight months of ticks shortly after midnight; Apia had no 30 December 2011."""
    first = date(2010, 1, 1) if zone_name == "Pacific/Apia" else date(2024, 1, 1)
    zone = ZoneInfo(zone_name)
    change_settings(time_zone=zone_name, renewal_lead_days=0)
    customer_id = make_customer()
    anchors = {
        make_subscription(customer_id, next_due_on=first.replace(day=anchor), anchor_day=anchor): anchor
        for anchor in ANCHORS
    }

    for day in _days_around_the_ends_of_months(first):
        hour = time((day.day + day.month) % 4, (0, 30)[day.day % 2])
        daily.run_day(datetime.combine(day, hour, zone).astimezone(UTC))

    db.session.rollback()
    made = db.session.scalars(select(Invoice).order_by(Invoice.subscription_id, Invoice.period_start)).all()
    for subscription_id, anchor in anchors.items():
        periods = [invoice for invoice in made if invoice.subscription_id == subscription_id]
        starts = [invoice.period_start for invoice in periods]
        assert starts == [_anchored(first, month, anchor) for month in range(MONTHS)]
        assert all(one.period_end == following.period_start for one, following in pairwise(periods))
        skipped = {date(2011, 12, 30)} if zone_name == "Pacific/Apia" else set()
        late = {invoice.period_start for invoice in periods if invoice.issued_on != invoice.period_start}
        assert late == skipped & set(starts)
    following = db.session.execute(select(func.min(Subscription.next_due_on))).scalar_one()
    assert following == _anchored(first, MONTHS, min(ANCHORS))


def _anchored(first: date, month: int, anchor: int) -> date:
    year, month = first.year + month // 12, month % 12 + 1
    return date(year, month, min(anchor, monthrange(year, month)[1]))


def _days_around_the_ends_of_months(first: date) -> list[date]:
    every = (first + timedelta(days=n) for n in range(366 * 4))
    return [day for day in every if (day.day > 26 or day.day == 1) and day.year < first.year + MONTHS // 12]
