"""The lines of a preview: which the URL asks for, one page of them, and each with its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from creditapp.models import LineFlag
from creditapp.queries import batch_lines as queries
from creditapp.queries.batch_lines import BUCKETS, LINES, LineFilter
from creditapp.queries.search import ID_MAX
from creditapp.services import batch_lines
from creditapp.services.downtime import Credit, Reckoner, arithmetic, durations
from creditapp.services.downtime.wording import percent, uptime
from creditapp.services.downtime_lines import Basis, Days
from creditapp.web import charts, lists, urls
from creditapp.web.charts import Bars, Series
from creditapp.web.filters import money, plain, short
from creditapp.web.lists import Column, Page, Sort

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from creditapp.queries.batch_lines import Totals

FLAGS = {
    LineFlag.NONE: "Nothing the matter",
    LineFlag.CREDITED: "Credited before",
    LineFlag.OVERLAP: "Overlapping incident",
    LineFlag.SUSPENDED: "Suspended",
    LineFlag.SMALL: "Too little",
    LineFlag.FROZEN: "Frozen",
    LineFlag.CLOSED: "Closed",
}
TONES = {LineFlag.OVERLAP: "waiting", LineFlag.CREDITED: "done", LineFlag.SUSPENDED: "open", LineFlag.SMALL: "open"}
SHOWS = {"in": "Included", "out": "Left out", "changed": "Changed"}
BY_LINE, BY_AMOUNT = "line", "amount"
SORTS = {one for name in (BY_LINE, BY_AMOUNT) for one in (name, f"-{name}")}
COLUMNS = (
    Column("Line", BY_LINE),
    Column("User"),
    Column("Subscription"),
    *(Column(label, numeric=True) for label in ("Monthly fee", "Down", "Share")),
    Column("Credit", BY_AMOUNT, numeric=True),
    Column("Flag"),
    Column(""),
)
_STEPS = (10, 20, 25, 50)


def _key(values: Sequence[Any]) -> Sequence[Any]:
    if any(type(value) is not int or abs(value) > ID_MAX for value in values):
        raise ValueError("no whole number")
    return values


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for, as understood."""

    wanted: LineFilter
    sort: str

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is as if it were not there."""
        flags = {str(flag) or "none": flag for flag in FLAGS}
        show = args.get("show", "")
        wanted = LineFilter(
            flag=flags.get(args.get("flag", "")),
            included={"in": True, "out": False}.get(show),
            changed=show == "changed",
            least_minor=urls.amount(args.get("least", "")),
            most_minor=urls.amount(args.get("most", "")),
            text=urls.text(args, "q"),
        )
        return cls(wanted, args.get("sort", "") if args.get("sort", "") in SORTS else BY_LINE)

    @property
    def args(self) -> dict[str, str | None]:
        """The arguments that ask for this again, in their canonical form."""
        w = self.wanted
        return {
            "q": w.text,
            "flag": None if w.flag is None else str(w.flag) or "none",
            "show": "changed" if w.changed else {True: "in", False: "out"}.get(w.included),  # type: ignore[arg-type]
            "least": None if w.least_minor is None else plain(w.least_minor),
            "most": None if w.most_minor is None else plain(w.most_minor),
            "sort": None if self.sort == BY_LINE else self.sort,
        }

    @property
    def is_filtered(self) -> bool:
        return self.wanted != LineFilter()

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        w = self.wanted
        said = {
            "q": f"“{w.text}”" if w.text else "",
            "flag": "" if w.flag is None else FLAGS[w.flag],
            "show": SHOWS.get(self.args["show"] or "", ""),
            "least": "" if w.least_minor is None else f"From {money(w.least_minor)}",
            "most": "" if w.most_minor is None else f"To {money(w.most_minor)}",
        }
        return [(words, lists.link(path, {**self.args, name: None}, "lines")) for name, words in said.items() if words]

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which the lines are sorted."""
        return ("amount_minor", "line") if self.sort.endswith(BY_AMOUNT) else ("line",)

    @property
    def sorting(self) -> Sort:
        return Sort(tuple(LINES.c[name] for name in self.order), self.sort.startswith("-"), _key)


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as the page and the file show it; what cannot be known any more is None."""

    row: Any
    credit: Credit | None
    arithmetic: str

    @property
    def flag(self) -> LineFlag:
        return LineFlag(self.row.flag)

    @property
    def down(self) -> str:
        return durations.words(self.row.down_seconds or 0)

    @property
    def uptime(self) -> str:
        return uptime(self.credit.uptime_ppm) if self.credit else ""

    @property
    def share(self) -> str:
        return percent(int(self.credit.share * 10_000 + Fraction(1, 2))) if self.credit else ""

    @property
    def is_changed(self) -> bool:
        return bool(self.row.changed_why)

    @property
    def may_be_ticked(self) -> bool:
        return batch_lines.may_be_ticked(self.row.flag, self.row.amount_minor, self.row.changed_why)

    @property
    def may_be_changed(self) -> bool:
        return batch_lines.may_be_changed(self.row.flag)


class Shower:
    """Shows lines of one batch: its arithmetic is done once for all lines that share it."""

    def __init__(self, terms: str, panel_zone: str) -> None:
        self.basis = Basis.from_json(terms)
        self._days = Days.of(self.basis.outage, panel_zone)
        self._reckoner = Reckoner(self.basis.terms, self.basis.outage)

    def show(self, row: Any) -> Shown:  # noqa: ANN401  (a row of `batch_lines.with_names`)
        """Return the line with its arithmetic; a subscription that was cancelled since was whole then."""
        if row.price_minor is None:
            return Shown(row, None, "")
        fee = self.basis.fee(row.price_minor, row.months, row.tax_bp)
        for cancelled_on in dict.fromkeys((row.cancelled_on, None)):
            credit = self._reckoner.credit(fee, *self._days.span(row.started_on, cancelled_on))
            if (credit.down_seconds, credit.amount_minor) == (row.down_seconds, row.computed_minor):
                return Shown(row, credit, arithmetic(credit, self.basis.terms, fee, money))
        return Shown(row, None, "")


def read_page(session: Session, batch_id: int, asked: Asked, args: Mapping[str, str], path: str) -> Page:
    """Return the page of lines the URL asks for."""
    sort = asked.sorting
    cursor = lists.read_cursor(args, sort)
    keys = lists.select_page(queries.select_keys(session, batch_id, asked.wanted), sort, cursor)
    descending = sort.descending != (cursor is not None and cursor.backwards)
    return lists.make_page(
        session.execute(queries.with_names(batch_id, keys, asked.order, descending=descending)).all(),
        cursor,
        key_of=lambda row: [getattr(row, name) for name in asked.order],
        url=lambda **to: lists.link(path, {**asked.args, **to}, "lines"),
        noun="lines",
        total=lists.counted(queries.count(session, batch_id, asked.wanted, most=lists.COUNT_MAX)),
    )


def all_lines(session: Session, batch_id: int, asked: Asked) -> Iterator[Any]:
    """Yield the rows of everything the list shows on all its pages, in its order."""
    keys: Select[Any] = queries.select_keys(session, batch_id, asked.wanted)
    rows = queries.with_names(batch_id, keys, asked.order, descending=asked.sort.startswith("-"))
    yield from session.execute(rows, execution_options={"yield_per": 1000})


def figure(session: Session, batch_id: int, totals: Totals) -> Bars | None:
    """Return how the amounts of the included lines are spread; None where there is nothing to spread."""
    if totals.included < 2:  # noqa: PLR2004  (one amount is no distribution)
        return None
    step = _step(totals.largest_minor)
    counts = queries.distribution(session, batch_id, step)
    used = -(-totals.largest_minor // step)
    bars_ = list(enumerate(counts[:used], start=1))
    return charts.bars(
        "How many lines come to how much",
        [short(step * place) if step * BUCKETS >= 10_000 else money(step * place) for place, _many in bars_],  # noqa: PLR2004
        [Series("Lines", [many for _place, many in bars_])],
        write=lambda many: f"{many:,}",
        axis=lambda many: f"{many:,}",
        head="Up to",
        height=180,
    )


def _step(largest_minor: int) -> int:
    """Return the smallest of 1, 2, 2.5, 5 × 10ⁿ that reaches the largest amount in all bars together."""
    power = 1
    while True:
        for tenths in _STEPS:
            step, rest = divmod(tenths * power, 10)
            if not rest and step * BUCKETS >= largest_minor:
                return step
        power *= 10
