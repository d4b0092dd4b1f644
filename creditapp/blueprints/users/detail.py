"""The page about one customer: balance, its course, the form that changes it, and the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import request, url_for
from flask_login import current_user
from sqlalchemy import literal

from creditapp.blueprints.invoices.newest import newest_of
from creditapp.blueprints.payments import newest as payments
from creditapp.blueprints.users.forms import BY_HAND, AdjustCreditForm
from creditapp.blueprints.users.menu import menu_of
from creditapp.blueprints.users.referred import read_referral
from creditapp.blueprints.users.subscribed import read_subscribed
from creditapp.columns import UtcDateTime, from_microseconds, to_microseconds
from creditapp.db import db
from creditapp.models import CreditEntry
from creditapp.permissions import Permission, can
from creditapp.queries import authority, entries, lots, merged, upcoming
from creditapp.queries.customers import Profile
from creditapp.queries.search import typed_text
from creditapp.web import charts, lists, urls
from creditapp.web.charts import Point, Steps
from creditapp.web.filters import day, local_day, money, when
from creditapp.web.lists import Column, Page, Sort
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel

CHART_DAYS = 90
DAY_CHARS_MAX = 40
CHART_HEIGHT = 360
COLUMNS = (
    Column("When"),
    Column("Reason", css="no-print"),
    Column("What"),
    Column("By", css="by no-print"),
    Column("Amount", numeric=True),
    Column("Balance after", numeric=True),
    Column("Entry"),
)


def _moment_key(values: Sequence[Any]) -> Sequence[Any]:
    """Read when an entry was posted, whose it is, and its number."""
    microseconds, customer_id, seq = values
    posted_at = literal(from_microseconds(urls.whole(microseconds)), UtcDateTime())
    return posted_at, urls.whole(customer_id), urls.whole(seq)


_ENTRY = CreditEntry.__table__.c
_BY_MOMENT = Sort((_ENTRY.posted_at, _ENTRY.customer_id, _ENTRY.seq), descending=True, read=_moment_key)
"""How several customers who are one by now are told as one story."""
_BY_SEQ = Sort((CreditEntry.__table__.c.seq,), descending=True, read=urls.each(urls.whole))


@dataclass(frozen=True, slots=True)
class WayOut:
    """What the form offers beside a refusal."""

    most: tuple[str, str] | None = None
    """An amount that fits, as it is typed and in words."""
    repeat_of: tuple[str, str] | None = None
    """The entry that this looks like, and where it is."""


def render_customer(
    customer: Profile, form: AdjustCreditForm | None, *, status: int = 200, way_out: WayOut | None = None
) -> tuple[str, int]:
    """Render the page; `form` is None for who may not adjust."""
    session, path = db.session(), url_for("users.show", customer_id=customer.id)
    moment = datetime.now(UTC)
    folded = request.args.get("folded") == "1"
    kept = {"merged": 1 if customer.merged_into_id else None}
    rules = authority.of_role(session, current_user.role)
    spendable = lots.usable(session, customer.id, moment)
    history_args = {"folded": 1 if folded else None}
    return render_page(
        "users/show.html",
        form,
        status=status,
        crumbs=[("Admin", None), ("Users", url_for("users.index")), (customer.name, None)],
        customer=customer,
        absorbed=merged.family_of(session, customer.id)[1:],
        menu_items=menu_of(customer),
        usable=spendable,
        next_day=last_day(spendable.next_at) if spendable.next_at else None,
        figure=_course(customer, moment),
        limit_words=limit_words(rules),
        as_of=_as_of(customer, request.args),
        history=history_page(customer, request.args, path, kept, folded=folded),
        columns=COLUMNS,
        folded=folded,
        path=path,
        entry_path=url_for("users.adjust", customer_id=customer.id),
        export_url=_export_url(customer.id, history_args),
        fold_url=_fold_url(customer.id, path, kept, folded=folded),
        way_out=way_out or WayOut(),
        referral=read_referral(customer),
        subscribed=read_subscribed(customer, request.args),
        newest=newest_of(customer.id, is_closed=customer.status not in BY_HAND),
        newest_payments=payments.newest_of(customer.id, is_closed=customer.status not in BY_HAND),
        upcoming=_upcoming(customer, spendable),
    )


def _upcoming(customer: Profile, spendable: lots.Usable) -> upcoming.Upcoming | None:
    """Return the next invoice as it would be made today; None for who may see no subscriptions."""
    if not can(Permission.SUBSCRIPTION_READ) or customer.status not in BY_HAND:
        return None
    return upcoming.next_invoice(
        db.session(),
        customer.id,
        spendable.usable_minor,
        today=current_panel().today(),
        is_frozen=customer.frozen_at is not None,
        override=customer.automatic_credit,
    )


def last_day(expires_at: datetime) -> str:
    """Return the last day on which credit that lapses at this moment can be used."""
    return local_day(expires_at - timedelta(microseconds=1))


def history_page(
    customer: Profile, args: Mapping[str, str], path: str, kept: Mapping[str, Any], *, folded: bool
) -> Page:
    """Return the page of entries the URL asks for, newest first; with those of who was merged into the customer."""
    session = db.session()
    absorbed = merged.family_of(session, customer.id)[1:]
    sort = _BY_MOMENT if absorbed else _BY_SEQ
    cursor = lists.read_cursor(args, sort)
    wanted = entries.select_history(customer.id, folded=folded, absorbed=absorbed)
    inner = lists.select_page(wanted, sort, cursor).subquery()
    forwards = cursor is not None and cursor.backwards
    order = [column.asc() if forwards else column.desc() for column in sort.columns]
    rows = session.execute(entries.select_history_rows(inner).order_by(*order))
    return lists.make_page(
        rows.all(),
        cursor,
        key_of=_moment_of if absorbed else lambda row: (row.seq,),
        url=lambda **place: lists.link(path, {**kept, "folded": 1 if folded else None, **place}, "history"),
        noun="entries",
        total=None if folded or absorbed else lists.counted(customer.entries),
    )


def _moment_of(row: Any) -> tuple[int, int, int]:  # noqa: ANN401  (a row)
    return to_microseconds(row.posted_at), row.customer_id, row.seq


def _course(customer: Profile, moment: datetime) -> Steps:
    """Return the steps of the balance over the last days; the first point is what it was before them."""
    since = moment - timedelta(days=CHART_DAYS)
    moves = entries.course(db.session(), customer.id, since)
    before_minor = moves[0].balance_minor - moves[0].amount_minor if moves else customer.balance_minor
    start = moves[0].at if len(moves) == entries.COURSE_MAX else since
    points = [
        Point(start, when(start), before_minor),
        *(Point(one.at, when(one.at), one.balance_minor) for one in moves),
    ]
    middle = since + timedelta(days=CHART_DAYS / 2)
    marks = [(since, _short(since)), (middle, _short(middle)), (moment, "Today")]
    panel = current_panel()
    return charts.steps(
        f"Balance over the last {CHART_DAYS} days",
        points,
        until=moment,
        marks=marks,
        write=money,
        axis=lambda minor: panel.currency.format(minor).removesuffix(".00").removesuffix(".000"),
        height=CHART_HEIGHT,
    )


def _export_url(customer_id: int, args: Mapping[str, Any]) -> str | None:
    if not can(Permission.HISTORY_EXPORT):
        return None
    return lists.link(url_for("users.export_history", customer_id=customer_id), args)


def _fold_url(customer_id: int, path: str, kept: Mapping[str, Any], *, folded: bool) -> str | None:
    """Return the link that hides what came to nothing, or shows it again; None where there is nothing to hide."""
    if not entries.has_reversals(db.session(), customer_id):
        return None
    return lists.link(path, {**kept, "folded": None if folded else 1}, "history")


def _short(moment: datetime) -> str:
    return day(moment.astimezone(current_panel().zone).date()).rpartition(" ")[0]


def limit_words(rules: authority.Authority) -> str:
    """Say what this role may post at once; nothing where it has no limit."""
    named = (("add", rules.add_max_minor), ("remove", rules.remove_max_minor))
    parts = [f"{verb} up to {money(minor)}" for verb, minor in named if minor is not None]
    return f"You can {' and '.join(parts)} at once." if parts else ""


def _as_of(customer: Profile, args: Mapping[str, str]) -> dict[str, str] | None:
    """Answer `?on=2026-05-01`: the balance when that day ended."""
    typed = typed_text(args.get("on", ""))[:DAY_CHARS_MAX]
    if not typed:
        return None
    try:
        asked = date.fromisoformat(typed) if len(typed) == len("2026-05-01") else None
    except ValueError:
        asked = None
    if asked is None:
        return {"typed": typed, "error": "Enter a date like 2026-03-14."}
    minor = entries.balance_at_end_of(db.session(), customer.id, asked)
    return {"typed": typed, "day": day(asked), "balance": money(minor)}
