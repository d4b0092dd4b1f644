"""What the next page says."""

from __future__ import annotations

from flask import Flask

from creditapp.web.notices import NOTICES_MAX, notify, pending_notices


def test_only_the_newest_notices_wait_for_a_page(app: Flask) -> None:
    with app.test_request_context():
        for number in range(100):
            notify(f"Notice {number}")

        assert [notice.lead for notice in pending_notices()] == [f"Notice {n}" for n in range(100 - NOTICES_MAX, 100)]
