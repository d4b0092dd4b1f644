"""The list of recent adjustments: its filters as the URL has them, its columns, one page, and the file of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal

from creditapp.blueprints.credits.places import CURSORS, RECENT, ROWS, Place
from creditapp.columns import UtcDateTime, from_microseconds, to_microseconds
from creditapp.models import CreditEntry, Kind
from creditapp.queries import adjustments
from creditapp.queries.adjustments import BY_AMOUNT, BY_TIME, NEWEST_MAX, Filters
from creditapp.queries.search import TRIGRAM, can_search_notes, read_reference
from creditapp.services.ledger import reference
from creditapp.web.exports import Number
from creditapp.web.filters import day as in_words
from creditapp.web.lists import COUNT_MAX, Column, Page, Sort, counted, make_page, read_cursor, select_page, sortable

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from creditapp.web.panel import Panel

KINDS = {
    Kind.ADDED: "Credit added",
    Kind.REMOVED: "Credit removed",
    Kind.OPENING: "Opening balance",
    Kind.CORRECTION: "Balance correction",
    Kind.REVERSAL: "Reversal",
    Kind.VOID: "Void",
}
PERIODS = {
    "today": "Today",
    "7": "Last 7 days",
    "30": "Last 30 days",
    "month": "This month",
    "last-month": "Last month",
}
NEWEST_FIRST = "-when"
SORTS = {"when", "-when", "amount", "-amount"}
YEARS = (1970, 9000)
INTEGER_MAX = 2**63 - 1
COLUMNS = (
    Column("When", "when", numeric=False),
    Column("Customer"),
    Column("Amount", "amount", numeric=True),
    Column("Balance after", numeric=True),
    Column("Reason"),
    Column("Note"),
    Column("By"),
    Column("Entry"),
)
HEADINGS = (
    *("Posted at (UTC)", "Day", "User", "Name", "Company", "Amount", "Balance after", "Kind", "Reason", "Note"),
    *("Ticket", "By", "Entry", "Reverses", "Reversed by", "Reversed amount"),
)


@dataclass(slots=True)
class Wanted:
    """What the URL asks for, as far as it makes sense."""

    filters: Filters
    sort: str
    chips: list[tuple[str, str]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    """What was left out and why, in sentences."""


@dataclass(frozen=True, slots=True)
class AdjustmentList:
    """The list as the page draws it."""

    page: Page
    columns: Sequence[Column]
    chips: Sequence[tuple[str, str]]
    hints: Sequence[str]
    choices: dict[str, list[tuple[str, str]]]
    hidden: Sequence[tuple[str, str]]
    empty: tuple[str, str, tuple[str, str] | None]
    export_args: dict[str, str]

    @property
    def is_detailed(self) -> bool:
        """Whether one of the filters is at work that are needed less often."""
        return any(name in self.export_args for name in ("kind", "from", "to", "quiet"))


def read_list(session: Session, place: Place, panel: Panel) -> AdjustmentList:
    """Read one page of the list, with everything around it."""
    choices = _choices(session)
    wanted = read(place, panel, choices)
    page = read_page(session, wanted, place)
    if wanted.sort.endswith("amount") and "+" in page.summary:
        wanted.hints.append(f"Sorted by amount among the newest {NEWEST_MAX:,} entries that match.")
    columns = sortable(COLUMNS, wanted.sort, NEWEST_FIRST, place.path, place.args, anchor="recent")
    own = {name: value for name, value in place.args.items() if name in RECENT and name not in CURSORS}
    return AdjustmentList(
        page, columns, wanted.chips, wanted.hints, choices, place.hidden(RECENT, "sort"), _empty(wanted, place), own
    )


def read(place: Place, panel: Panel, choices: dict[str, list[tuple[str, str]]]) -> Wanted:
    """Read the filters; what makes no sense is left out, of the links too, and said."""
    wanted = Wanted(Filters(), place.get("sort") if place.get("sort") in SORTS else NEWEST_FIRST)
    if place.get("sort") not in SORTS:
        place.forget("sort")
    _read_words(wanted, place)
    _read_choice(wanted, place, "reason", "reason_id", "Reason", dict(choices["reason"]))
    _read_choice(wanted, place, "by", "staff_id", "Made by", dict(choices["by"]))
    _read_choice(wanted, place, "kind", "kind", "Kind", dict(choices["kind"]))
    _read_period(wanted, place, panel)
    if place.get("quiet") == "1":
        wanted.filters = replace(wanted.filters, with_quiet=True)
        wanted.chips.append(("Quiet ones too", _without(place, "quiet")))
    else:
        place.forget("quiet")
    return wanted


def read_for_file(session: Session, place: Place, panel: Panel) -> Wanted:
    """Read the filters for the file of all pages."""
    return read(place, panel, _choices(session))


def statement(session: Session, wanted: Wanted) -> tuple[Select[*tuple[Any, ...]], Sort]:
    """Return the entries that are wanted, in no order, and how to order them."""
    entries = adjustments.select_entries(session, wanted.filters)
    descending = wanted.sort.startswith("-")
    if wanted.sort.removeprefix("-") == "when":
        columns = CreditEntry.__table__.c
        return entries, Sort(tuple(columns[name] for name in BY_TIME), descending, _read_time_key)
    newest = adjustments.newest(entries)
    chosen = newest.selected_columns
    return newest, Sort(tuple(chosen[name] for name in BY_AMOUNT), descending, _read_whole_numbers)


def read_page(session: Session, wanted: Wanted, place: Place) -> Page:
    """Read one page of the list."""
    entries, sort = statement(session, wanted)
    cursor = read_cursor({"after": place.get("after"), "before": place.get("before")}, sort)
    order = [column.name for column in sort.columns]
    descending = sort.descending != (cursor is not None and cursor.backwards)
    page = adjustments.with_names(select_page(entries, sort, cursor, rows=ROWS), order, descending=descending)
    return make_page(
        session.execute(page).all(),
        cursor,
        key_of=_time_key if order[0] == "posted_at" else _amount_key,
        url=lambda **to: place.url("recent", **{"after": None, "before": None, **to}),
        noun="entries",
        total=counted(adjustments.count_entries(session, entries.order_by(*sort.columns), COUNT_MAX)),
        rows=ROWS,
    )


def lines(session: Session, wanted: Wanted, panel: Panel) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file: everything the list shows on all its pages, in its order."""
    entries, sort = statement(session, wanted)
    order = [column.name for column in sort.columns]
    everything = adjustments.with_names(entries, order, descending=sort.descending)
    plain = panel.currency.plain
    for row in session.execute(everything, execution_options={"yield_per": 1000}):
        undone = row.undone_minor or None
        yield (
            f"{row.posted_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            row.posted_at.astimezone(panel.zone).date(),
            row.customer_id,
            row.customer,
            row.company,
            Number(plain(row.amount_minor)),
            Number(plain(row.balance_after_minor)),
            KINDS.get(row.kind, row.kind),
            row.reason,
            row.note,
            row.ticket_ref,
            row.staff or row.actor,
            reference(row.customer_id, row.seq),
            row.reversed_seq and reference(row.customer_id, row.reversed_seq),
            row.undone_seq and reference(row.customer_id, row.undone_seq),
            undone and Number(plain(undone)),
        )


def _empty(wanted: Wanted, place: Place) -> tuple[str, str, tuple[str, str] | None]:
    """Say what stands where there are no entries: title, text, a link."""
    if wanted.chips:
        return "No entry matches", "Take a filter away, or choose a longer period.", ("Show all", place.fresh("recent"))
    return "No adjustments yet", "What staff add, remove, correct or reverse appears here.", None


def _choices(session: Session) -> dict[str, list[tuple[str, str]]]:
    """Return what can be picked, by the argument's name: (value, words)."""
    return {
        "reason": [(str(row[0]), row[1]) for row in session.execute(adjustments.select_reasons())],
        "by": [(str(row[0]), row[1]) for row in session.execute(adjustments.select_makers())],
        "kind": [(str(kind), words) for kind, words in KINDS.items()],
        "when": list(PERIODS.items()),
    }


def _read_words(wanted: Wanted, place: Place) -> None:
    typed = place.get("q")
    if not typed:
        return
    entry = read_reference(typed)
    if entry is None and not can_search_notes(typed):
        wanted.hints.append(f"Type at least {TRIGRAM} letters of a word to search notes, or a whole reference.")
        return
    wanted.filters = replace(wanted.filters, entry=entry, words="" if entry else typed)
    wanted.chips.append((f"“{typed}”", _without(place, "q")))


def _read_choice(wanted: Wanted, place: Place, name: str, column: str, label: str, choices: dict[str, str]) -> None:
    value = place.get(name)
    if not value:
        return
    if value not in choices:
        wanted.hints.append(f"“{value[:40]}” is no choice of “{label}”; it was left out.")
        place.forget(name)
        return
    chosen = value if column == "kind" else int(value)
    wanted.filters = replace(wanted.filters, **{column: chosen})  # type: ignore[arg-type]  # of the column's own type
    wanted.chips.append((f"{label}: {choices[value]}", _without(place, name)))


def _read_period(wanted: Wanted, place: Place, panel: Panel) -> None:
    first, last = _preset(place.get("when"), panel.today())
    if place.get("when") in PERIODS:
        wanted.chips.append((PERIODS[place.get("when")], _without(place, "when")))
    elif place.get("when"):
        wanted.hints.append(f"“{place.get('when')[:40]}” is no period; it was left out.")
        place.forget("when")
    for name, label in (("from", "From"), ("to", "To")):
        day = _read_day(wanted, place, name, label)
        if day is None:
            continue
        if name == "from":
            first = max(day, first) if first else day
        else:
            last = min(day, last) if last else day
    since = _midnight(first, panel) if first else None
    until = _midnight(last + timedelta(days=1), panel) if last and last < date.max else None
    wanted.filters = replace(wanted.filters, since=since, until=until)


def _read_day(wanted: Wanted, place: Place, name: str, label: str) -> date | None:
    value = place.get(name)
    if not value:
        return None
    day = read_day(value)
    if day is None:
        wanted.hints.append(f"“{value[:40]}” is no date; write it like 2026-03-14. “{label}” was left out.")
        place.forget(name)
        return None
    wanted.chips.append((f"{label} {in_words(day)}", _without(place, name)))
    return day


def read_day(value: str) -> date | None:
    """Return the date that was typed, if it is one that every engine and zone can hold."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if YEARS[0] <= day.year <= YEARS[1] else None


def _preset(name: str, today: date) -> tuple[date | None, date | None]:
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    first = {
        "today": today,
        "7": today - timedelta(days=6),
        "30": today - timedelta(days=29),
        "month": month,
        "last-month": last_month,
    }.get(name)
    return first, month - timedelta(days=1) if name == "last-month" else None


def _midnight(day: date, panel: Panel) -> datetime:
    return datetime.combine(day, time(), panel.zone).astimezone(UTC)


def _without(place: Place, name: str) -> str:
    return place.url("recent", **{name: None, "after": None, "before": None})


def _time_key(row: Any) -> tuple[int, int, int]:  # noqa: ANN401  (a row of the list)
    return to_microseconds(row.posted_at), row.customer_id, row.seq


def _amount_key(row: Any) -> tuple[int, int, int]:  # noqa: ANN401  (a row of the list)
    return row.amount_minor, row.customer_id, row.seq


def _read_time_key(values: Sequence[Any]) -> Sequence[Any]:
    microseconds, *rest = _read_whole_numbers(values)
    return literal(from_microseconds(microseconds), UtcDateTime()), *rest


def _read_whole_numbers(values: Sequence[Any]) -> Sequence[Any]:
    if not all(type(value) is int and abs(value) <= INTEGER_MAX for value in values):
        raise ValueError("These are no whole numbers of the database.")
    return values
