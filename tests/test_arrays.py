"""Lists for PostgreSQL: written faster than psycopg writes them, and byte for byte the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.array import ListDumper

from creditapp.arrays import QuickListDumper

ITEMS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.integers(-(2**31), 2**31 - 1)),
    st.lists(st.none() | st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    st.lists(st.sampled_from(["", "null", "NULL", '"', "\\", "{}", "a,b", " ", "\u3000"])),
    st.lists(st.binary(max_size=32)),
    st.lists(st.none() | st.dates(date(1, 1, 1))),
    st.lists(st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001  (made aware)
    st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2)),
    st.lists(st.booleans()),
    st.lists(st.sampled_from([0.0, -0.0, 1.0])),
    st.lists(st.sampled_from([Decimal("1.0"), Decimal("1.00")])),
)


def dumped(kind: type[ListDumper], items: list[Any]) -> bytes | None:
    """Return the list as this dumper writes it, once it knows what the items are."""
    begun = kind(list, Transformer())
    words = begun.upgrade(items, PyFormat.TEXT).dump(items)
    return None if words is None else bytes(words)


@given(ITEMS)
def test_every_list_is_written_as_psycopg_writes_it(items: list[Any]) -> None:
    assert dumped(QuickListDumper, items) == dumped(ListDumper, items)
