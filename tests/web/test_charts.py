"""Figures: what the geometry and the words say of the values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from creditapp.web import charts
from creditapp.web.charts import Point, Series

START = datetime(2026, 8, 24, tzinfo=UTC)


def full(minor: int) -> str:
    return f"${minor / 100:,.2f}"


def short(minor: int) -> str:
    return f"${minor / 100:g}"


def monthly(*values: int) -> charts.Bars:
    labels = [f"M{number}" for number in range(len(values))]
    return charts.bars("Issued per month", labels, [Series("Issued", values)], write=full, axis=short)


def balance(*points: tuple[int, int], days: int = 90) -> charts.Steps:
    """Return the figure of (day, minor units)."""
    return charts.steps(
        "Balance",
        [Point(START + timedelta(days=day), f"day {day}", value) for day, value in points],
        until=START + timedelta(days=days),
        marks=[(START, "24 Aug"), (START + timedelta(days=days), "Today")],
        write=full,
        axis=short,
    )


@pytest.mark.parametrize(
    ("highest", "step"),
    [
        (1, 1),
        (3, 1),
        (4, 1),
        (5, 2),
        (9, 5),
        (40, 10),
        (99, 25),
        (9962, 2500),
        (901_875, 250_000),
        (10**12, 25 * 10**10),
    ],
)
def test_axis_steps_are_round_and_reach_the_highest_value(highest: int, step: int) -> None:
    assert charts.round_step(highest) == step
    assert step * charts.STEPS_MAX >= highest


def test_the_highest_bar_stays_below_the_top_line_and_zero_has_no_height() -> None:
    figure = monthly(0, 500, 901_875)

    heights = [slot.bars[0].height for slot in figure.slots]

    assert heights[0] == 0
    assert 0 < heights[1] < heights[2] <= figure.base - figure.top
    assert [tick.label for tick in figure.ticks] == ["$0", "$2500", "$5000", "$7500", "$10000"]


def test_bars_of_nothing_but_zeros_lie_on_one_line() -> None:
    figure = monthly(0, 0)

    assert [tick.label for tick in figure.ticks] == ["$0"]
    assert all(bar.height == 0 for slot in figure.slots for bar in slot.bars)
    assert figure.description.startswith("Issued: nothing.")


def test_bars_without_labels_are_an_empty_figure() -> None:
    figure = monthly()

    assert figure.slots == ()
    assert figure.marks == ()
    assert figure.numbers.rows == ()


def test_two_series_stand_side_by_side_inside_their_slot() -> None:
    figure = charts.bars(
        "Issued and used",
        ["Oct", "Nov"],
        [Series("Issued", [5, 7]), Series("Used", [3, 2])],
        write=full,
        axis=short,
    )

    for slot in figure.slots:
        first, second = slot.bars
        assert slot.x < first.x < first.x + first.width < second.x
        assert second.x + second.width < slot.x + slot.width
    assert figure.slots[1].words == "Nov: Issued $0.07, Used $0.02"
    assert figure.numbers.rows == (("Oct", "$0.05", "$0.03"), ("Nov", "$0.07", "$0.02"))


def test_the_words_name_the_highest_and_the_lowest_month() -> None:
    figure = monthly(300, 901_875, 200)

    assert figure.description.startswith("Issued: most in M1, $9,018.75; least in M2, $2.00.")


def test_a_series_must_have_a_value_for_each_label() -> None:
    with pytest.raises(ValueError, match="Used has 1 values for 2 labels"):
        charts.bars("Used", ["Oct", "Nov"], [Series("Used", [1])], write=full, axis=short)


def test_of_many_labels_the_newest_is_shown_and_the_rest_are_thinned() -> None:
    figure = monthly(*range(36))

    shown = [mark.label for mark in figure.marks]

    assert len(shown) <= charts.MARKS_MAX
    assert "M35" in shown
    assert not next(mark for mark in figure.marks if mark.label == "M35").spare


def test_ranks_are_as_wide_as_their_share_of_the_widest() -> None:
    figure = charts.ranks(
        "By reason", [("Downtime", 200_000, "/x"), ("Goodwill", 50_000, None), ("Other", 0, None)], write=full
    )

    assert [rank.width for rank in figure.ranks] == [100, 25, 0]
    assert figure.ranks[0].text == "$2,000.00"


def test_a_sliver_of_a_rank_can_still_be_seen() -> None:
    figure = charts.ranks("By reason", [("Downtime", 10**11, None), ("Goodwill", 1, None)], write=full)

    assert figure.ranks[1].width == 0.5


def test_ranks_of_nothing_have_no_width() -> None:
    assert charts.ranks("By reason", [], write=full).ranks == ()
    assert charts.ranks("By reason", [("Downtime", 0, None)], write=full).ranks[0].width == 0


def test_a_balance_holds_until_the_moment_it_changes() -> None:
    figure = balance((0, 10_000), (45, 5_000))

    assert figure.line == "M0 10.0 H50.0 V107.0 H100"
    assert figure.area == "M0 10.0 H50.0 V107.0 H100 V204 H0 Z"


def test_one_point_is_a_level_line_that_ends_in_its_value() -> None:
    figure = balance((0, 6_562))

    assert figure.line.endswith("H100")
    assert figure.end is not None
    assert figure.end.label == "$65.62"
    assert figure.description == "$65.62 throughout, from day 0."


def test_no_points_draw_no_line() -> None:
    figure = balance()

    assert (figure.line, figure.area, figure.end) == ("", "", None)
    assert figure.description == "Nothing to show yet."


def test_equal_points_are_said_to_hold_throughout() -> None:
    assert balance((0, 500), (10, 500)).description == "$5.00 throughout, from day 0."


def test_a_balance_of_zero_lies_on_the_ground() -> None:
    figure = balance((0, 0))

    assert figure.line == "M0 204.0 H100"
    assert [tick.label for tick in figure.ticks] == ["$0"]


def test_a_span_of_no_length_does_not_divide_by_zero() -> None:
    assert balance((0, 500), days=0).line.startswith("M0 ")


def test_the_words_name_where_a_line_begins_ends_and_turns() -> None:
    figure = balance((0, 3_611), (75, 9_962), (89, 6_562))

    assert figure.description == (
        "From $36.11 on day 0 to $65.62 since day 89; highest $99.62 on day 75, lowest $36.11 on day 0."
    )


def test_labels_at_the_edges_stay_inside_the_plot() -> None:
    assert [(mark.x, mark.anchor) for mark in balance((0, 1)).marks] == [(0, "start"), (100, "end")]


def test_numbers_are_newest_first_and_do_not_run_on() -> None:
    figure = balance(*[(day, day) for day in range(200)], days=200)

    assert figure.numbers.rows[0] == ("day 199", "$1.99")
    assert len(figure.numbers.rows) == charts.ROWS_MAX


def test_thinning_a_long_line_keeps_its_peak_and_its_last_value() -> None:
    points = [(day, 100) for day in range(5_000)]
    points[2_500] = (2_500, 10**12)
    points[-1] = (4_999, 0)

    figure = balance(*points, days=5_000)

    assert figure.line.count("V") <= 4 * charts.SLIVERS
    assert "V10.0" in figure.line
    assert figure.line.endswith("V204.0 H100")


def test_a_longer_axis_label_gets_a_wider_gutter() -> None:
    assert balance((0, 10**12)).gutter > balance((0, 100)).gutter


def test_a_negative_value_is_drawn_on_the_ground() -> None:
    assert monthly(-500, 500).slots[0].bars[0].height == 0


def test_a_sparkline_runs_from_its_lowest_to_its_highest() -> None:
    figure = charts.sparkline([5, 10, 0])

    assert figure.line == "M0.0,16.0 L50.0,2.0 L100.0,30.0"
    assert figure.area.endswith("L100,32 L0,32 Z")


@pytest.mark.parametrize("values", [[7], [7, 7, 7], [0, 0]])
def test_a_sparkline_of_equal_values_is_level(values: list[int]) -> None:
    spots = charts.sparkline(values).line.removeprefix("M").split(" L")

    assert {spot.split(",")[1] for spot in spots} == {"16.0"}


def test_a_sparkline_of_nothing_is_empty() -> None:
    assert charts.sparkline([]).line == ""
