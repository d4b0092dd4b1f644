"""Sealing for the anchors: rows that plain SQL has worked out get the hash that the ledger's chain asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Sealer = Callable[..., tuple[bytes | None, bytes | None]]
"""Takes the cells of a row and returns the digest of its texts and its hash."""


def seal(driver: Any, source: str, target: str, columns: Sequence[str], sealer: Sealer) -> None:  # noqa: ANN401
    """Make the table `target` of `source` with `text_digest` and `hash` for each row.

    SQLite calls a function of ours for each row; PostgreSQL, which has none, hands the rows out and in again. The first
    two of the columns are the customer and the number of the entry before.
    """
    row = ", ".join(columns)
    if hasattr(driver, "create_function"):
        driver.create_function("seal", len(columns), lambda *cells: sealer(*cells)[1], deterministic=True)
        driver.create_function("digest", len(columns), lambda *cells: sealer(*cells)[0], deterministic=True)
        digest = f"digest({row})" if "salt" in columns else "NULL"
        sealed = f"SELECT s.*, {digest} AS text_digest, seal({row}) AS hash FROM {source} s"
        driver.execute(f"CREATE TEMPORARY TABLE {target} AS {sealed}")
        return
    rows = driver.execute(f"SELECT {row} FROM {source}").fetchall()
    driver.execute(
        "CREATE TEMPORARY TABLE bench_hashes (customer_id bigint, seq bigint, text_digest bytea, hash bytea)"
    )
    with driver.cursor().copy("COPY bench_hashes FROM STDIN") as copy:
        for each in rows:
            copy.write_row((each[0], each[1], *sealer(*each)))
    driver.execute(
        f"CREATE TEMPORARY TABLE {target} AS SELECT s.*, h.text_digest, h.hash FROM {source} s "
        "JOIN bench_hashes h ON h.customer_id = s.customer_id AND h.seq = s.entry_seq"
    )
    driver.execute("DROP TABLE bench_hashes")
