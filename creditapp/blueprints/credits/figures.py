"""The tiles and charts above the lists, from the sums of days alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from creditapp.blueprints.credits.places import Place
from creditapp.queries import totals
from creditapp.queries.totals import Outstanding, Period
from creditapp.web import charts
from creditapp.web.filters import day as in_words
from creditapp.web.filters import money, short

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MONTHS = 12
MONTHS_HEIGHT = 300
"""Pixels of the chart of months: as high as what stands beside it."""
REASONS_MAX = 6
_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """A number of this month against the same days of the last one."""

    minor: int
    delta: tuple[str, str] | None
    words: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the upper half of the page shows."""

    total: Outstanding
    month: str
    issued: Change
    used: Change
    taken_back_minor: int
    taken_back_words: str
    spark: charts.Spark
    course: charts.Steps
    months: charts.Bars
    opened_minor: int
    """Opening balances of these months: they are in the total, and not in what was issued."""
    reasons: charts.Ranks

    @property
    def holders_words(self) -> str:
        """How many customers hold credit."""
        return f"{self.total.holders:,} customer{' holds' if self.total.holders == 1 else 's hold'} credit"


def read_figures(session: Session, place: Place, today: date) -> Figures:
    """Read the sums of the last twelve months and make the figures of them."""
    firsts = _first_days(today)
    days = session.execute(totals.select_days(firsts[0])).all()
    total = totals.outstanding(session)
    ends = _ends_of_days(days, total.balance_minor, firsts[0], today)
    months = [totals.add_up(days, first, _month_end(first)) for first in firsts]
    before = totals.add_up(days, firsts[-2], min(_same_day(today, firsts[-2]), _month_end(firsts[-2])))
    span = _span(firsts[-2], today)
    return Figures(
        total=total,
        month=_NAMES[today.month - 1],
        issued=_change(months[-1].issued_minor, before.issued_minor, span),
        used=_change(months[-1].used_minor, before.used_minor, span),
        taken_back_minor=months[-1].taken_back_minor,
        taken_back_words=_share(months[-1]),
        spark=charts.sparkline([ends[day] for day in list(ends)[::-7][::-1]]),
        course=_course(ends, firsts, today),
        months=_months(firsts, months, ends, today),
        opened_minor=sum(month.opened_minor for month in months),
        reasons=_reasons(session, place, firsts[-1]),
    )


def _first_days(today: date) -> list[date]:
    """Return the first days of this month and of those before it, the oldest first."""
    months = [today.year * 12 + today.month - 1 - age for age in range(MONTHS)]
    return [date(month // 12, month % 12 + 1, 1) for month in reversed(months)]


def _month_end(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _same_day(today: date, first: date) -> date:
    return first + timedelta(days=today.day - 1)


def _span(first: date, today: date) -> str:
    """Return the days that are compared with, `1–21 Oct`."""
    last = min(_same_day(today, first), _month_end(first))
    return f"{first.day}–{last.day} {_NAMES[first.month - 1][:3]}" if last > first else in_words(first)


def _ends_of_days(days: Sequence[Any], now_minor: int, since: date, today: date) -> dict[date, int]:
    """Return what was outstanding at the end of each day."""
    changes: dict[date, int] = {}
    for day, _kind, minor in days:
        changes[day] = changes.get(day, 0) + minor
    level_minor = now_minor - sum(changes.values())
    ends = {}
    for age in range((today - since).days + 1):
        day = since + timedelta(days=age)
        level_minor += changes.get(day, 0)
        ends[day] = level_minor
    return ends


def _change(minor: int, before_minor: int, span: str) -> Change:
    if before_minor <= 0:
        return Change(minor, None, f"none on {span}" if before_minor == 0 else f"{money(before_minor)} on {span}")
    percent = round(100 * (minor - before_minor) / before_minor)
    if percent == 0:
        return Change(minor, None, f"as much as on {span}")
    return Change(minor, ("up" if percent > 0 else "down", f"{abs(percent):,} %"), _than(percent, span))


def _than(percent: int, span: str) -> str:
    return f"{'more' if percent > 0 else 'less'} than {span}"


def _share(month: Period) -> str:
    given_minor = month.issued_minor + month.taken_back_minor
    if month.taken_back_minor <= 0 or given_minor <= 0:
        return "nothing reversed or voided" if month.taken_back_minor == 0 else "more given back than taken"
    return f"{100 * month.taken_back_minor / given_minor:.1f} % of what was given"


def _course(ends: dict[date, int], firsts: Sequence[date], today: date) -> charts.Steps:
    points, before = [], None
    for day, minor in ends.items():
        if minor != before:
            points.append(charts.Point(_midnight(day), in_words(day), minor))
            before = minor
    marks = [(_midnight(first), _NAMES[first.month - 1][:3]) for first in firsts[:: MONTHS // 4]]
    until = _midnight(today + timedelta(days=1))
    return charts.steps(
        "Total credits outstanding", points, until=until, marks=[*marks, (until, "Today")], write=money, axis=short
    )


def _months(firsts: Sequence[date], months: Sequence[Period], ends: dict[date, int], today: date) -> charts.Bars:
    names = [_NAMES[first.month - 1][:3] for first in firsts]
    issued = [month.issued_minor for month in months]
    used = [month.used_minor for month in months]
    series = [charts.Series("Issued", issued), charts.Series("Used", used)]
    title = "Credit issued and used by month"
    figure = charts.bars(title, names, series, write=money, axis=short, height=MONTHS_HEIGHT)
    rows = tuple(
        (
            f"{name} {first.year}",
            money(month.opened_minor),
            money(month.issued_minor),
            money(month.used_minor),
            money(ends[min(_month_end(first), today)]),
        )
        for name, first, month in zip(names, firsts, months, strict=True)
    )
    heads = ("Month", "Opening balances", "Issued", "Used", "Outstanding at the end")
    return replace(figure, numbers=charts.Numbers(heads, rows[::-1]))


def _reasons(session: Session, place: Place, since: date) -> charts.Ranks:
    """Rank this month's reasons, each a link to its entries; the small ones are summed up."""
    found = [row for row in session.execute(totals.select_reasons_issued(since)) if row[2]]
    rows = [
        (name or "No reason", minor, place.fresh("recent", reason=number, when="month") if name else None)
        for number, name, minor in found
    ]
    if len(rows) > REASONS_MAX:
        rest = rows[REASONS_MAX - 1 :]
        rows[REASONS_MAX - 1 :] = [(f"{len(rest)} others", sum(minor for _, minor, _ in rest), None)]
    return charts.ranks("Issued by reason", rows, write=money)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
