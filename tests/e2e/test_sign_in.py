from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.e2e.conftest import Visitor
from tests.factories import make_staff

pytestmark = pytest.mark.browser


def test_a_person_signs_in_and_out(visitor: Visitor) -> None:
    person = make_staff(Role.MANAGER, name="Dana Ruiz")
    page = visitor.open("/sign-in")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/users")
    visitor.is_accessible()

    page.get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/sign-in")
    visitor.is_accessible()
