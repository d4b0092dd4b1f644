from __future__ import annotations

from tests.browser import Browser
from tests.factories import make_customer, make_staff


def test_the_list_is_where_signing_in_leads(browser: Browser) -> None:
    make_customer(500)

    page = browser.sign_in(make_staff())

    assert page.heading == "Users"
    assert page.rows("users")[0][0] == "Brigid Nolan"
