"""No request makes a fault of ours: whatever is in its address, its arguments, its body or its headers."""

from __future__ import annotations

import os
import random
import sys

import pytest
from flask import Flask

from creditapp.db import db
from tests.bad_inputs import Troublemaker

INPUTS = int(os.environ.get("BAD_INPUTS", "1500"))
"""`make soak` sends 10,000."""
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Werkzeug leaves the file open of an upload that breaks off; it goes with the request."""
ENGINES = ["sqlite", "postgresql"] if "BAD_INPUTS" in os.environ else ["sqlite"]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_bad_input_is_answered_with_a_fault(app: Flask, engine: str) -> None:
    seed = int(os.environ.get("BAD_INPUTS_SEED", random.randrange(10**6)))
    sys.stdout.write(f"BAD_INPUTS_SEED={seed}\n")  # pytest shows it when the test fails

    maker = Troublemaker(app, seed)
    faults = maker.cause_trouble(INPUTS)

    db.session.rollback()
    sys.stdout.write(f"{engine}: {sorted(maker.answers.items())}\n")
    assert faults == []
    assert maker.answers[422] > INPUTS // 20  # forms were read and refused, not only turned away
    assert maker.answers[303] > INPUTS // 100  # and some were believed


def test_a_fault_would_be_seen(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> str:
        raise RuntimeError

    broken.__permission__ = "public"  # type: ignore[attr-defined]
    maker = Troublemaker(app, 1)
    monkeypatch.setitem(app.view_functions, "auth.healthy", broken)
    maker.urls = {"auth.healthy": "/healthz"}

    assert all(fault.startswith("500 ") for fault in maker.cause_trouble(15))
    assert maker.answers[500] > 5
