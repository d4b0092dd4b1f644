import pytest
from flask import Flask

from creditapp.services import verification
from tests.factories import make_customer


@pytest.mark.money
def test_a_ledger_that_nobody_touched_is_found_clean(app: Flask) -> None:
    make_customer(500)
    assert verification.report() == []
