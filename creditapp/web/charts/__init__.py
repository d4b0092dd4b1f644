"""Figures for server-side SVG: data in, geometry out.

Values are whole numbers (minor units for money), zero or more; a negative one is drawn as zero. Nothing here
knows what a value means: the caller brings `write`, which says it in full (`$2,148.75`), and `axis`, which
says it short (`$2.5k`). Horizontal geometry is in percent of the plot's width, vertical in pixels from its
top, so that a figure fits any card without a script. `templates/components/chart.html` draws it.
"""

from creditapp.web.charts.bar_chart import MARKS_MAX, Bars, Series, bars
from creditapp.web.charts.rank_chart import Ranks, ranks
from creditapp.web.charts.scale import STEPS_MAX, Numbers, round_step
from creditapp.web.charts.spark import Spark, sparkline
from creditapp.web.charts.step_chart import ROWS_MAX, SLIVERS, Point, Steps, steps

__all__ = [
    "MARKS_MAX",
    "ROWS_MAX",
    "SLIVERS",
    "STEPS_MAX",
    "Bars",
    "Numbers",
    "Point",
    "Ranks",
    "Series",
    "Spark",
    "Steps",
    "bars",
    "ranks",
    "round_step",
    "sparkline",
    "steps",
]
