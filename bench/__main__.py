"""`python -m bench`: one line for each figure, and exit code 1 when money went astray while measuring."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench import adjust, batching, invoice_pages, invoicing, machine, pages, posting, totals
from bench.figures import HEADINGS
from bench.rows import FULL, QUICK, USUAL, Row
from bench.stage import ENGINES, POSTGRESQL, Stage

ROWS: list[Row] = [
    *adjust.ROWS,
    *totals.ROWS,
    *pages.ROWS,
    *invoice_pages.ROWS,
    *posting.ROWS,
    *invoicing.ROWS,
    *batching.ROWS,
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print it; return 1 if a figure is worthless."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    scales = parser.add_mutually_exclusive_group()
    scales.add_argument("--quick", action="store_const", dest="scale", const=QUICK, help="a few seconds a row")
    scales.add_argument("--full", action="store_const", dest="scale", const=FULL, help="a million customers")
    parser.add_argument("--big", type=int, help="how many customers there are beside 1,000 (default: by scale)")
    parser.add_argument("--engine", default=",".join(ENGINES), help="sqlite, postgresql or both (default)")
    parser.add_argument("--only", default="", help="beginnings of the names of rows, with commas between")
    options = parser.parse_args(arguments)
    engines, wanted = options.engine.split(","), tuple(options.only.split(","))
    scale = options.scale or USUAL
    if options.big:
        scale = replace(scale, big=options.big)
    failed = False
    with Stage() as stage:
        print("\n".join(machine.header(stage.folder)))
        if POSTGRESQL in engines:
            print(f"postgresql  {stage.server_version()}, fsync on")
        print(f"\n{HEADINGS}", flush=True)
        for row in ROWS:
            if row.engine not in engines or not any(_meet(row.name, name) for name in wanted):
                continue
            for figure in row.measure(stage, scale, row.engine):
                if figure.name.startswith(wanted):
                    print(figure.line(), flush=True)
                    failed = failed or bool(figure.problems)
    return int(failed)


def _meet(one: str, other: str) -> bool:
    """Return whether one is the beginning of the other."""
    return one.startswith(other) or other.startswith(one)


if __name__ == "__main__":
    sys.exit(main())
