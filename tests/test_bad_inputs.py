"""No request makes a fault of ours: whatever is in its address, its arguments, its body or its headers."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter

import pytest
from flask import Flask

from creditapp.db import db
from creditapp.services import verification
from tests.bad_inputs import Troublemaker
from tests.conftest import AppMaker

INPUTS = int(os.environ.get("BAD_INPUTS", "1000"))
"""In a quarter of a minute; `make soak` sends 10,000 to each engine."""
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Werkzeug leaves the file open of an upload that breaks off; it goes with the request."""
A_WORLD = 1500
"""After so many there is not much left to be spoiled: another panel is made."""
ENGINES = ["sqlite", "postgresql"] if "BAD_INPUTS" in os.environ else ["sqlite"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_bad_input_is_answered_with_a_fault(new_app: AppMaker, engine: str) -> None:
    seed = int(os.environ.get("BAD_INPUTS_SEED", random.randrange(10**6)))
    sys.stdout.write(f"BAD_INPUTS_SEED={seed}\n")  # pytest shows it when the test fails
    faults: list[str] = []
    answers: Counter[int] = Counter()

    for first in range(0, INPUTS, A_WORLD):
        with new_app(engine) as app:
            maker = Troublemaker(app, seed + first)
            faults += maker.cause_trouble(min(A_WORLD, INPUTS - first))
            db.session.remove()
            assert verification.report() == []
        answers += maker.answers

    sys.stdout.write(f"{engine}: {sorted(answers.items())}\n")
    assert faults == []
    assert answers[422] > INPUTS // 20  # forms were read and refused, not only turned away
    assert answers[303] > INPUTS // 100  # and some were believed


def test_a_fault_would_be_seen(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> str:
        raise RuntimeError

    broken.__permission__ = "public"  # type: ignore[attr-defined]
    maker = Troublemaker(app, 1)
    monkeypatch.setitem(app.view_functions, "auth.healthy", broken)
    maker.urls = {"auth.healthy": "/healthz"}

    assert all(fault.startswith("500 ") for fault in maker.cause_trouble(15))
    assert maker.answers[500] > 5
