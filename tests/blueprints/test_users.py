from __future__ import annotations

from tests.browser import Browser
from tests.factories import make_staff


def test_the_list_is_where_signing_in_leads(browser: Browser) -> None:
    page = browser.sign_in(make_staff())

    assert page.heading == "Users"
