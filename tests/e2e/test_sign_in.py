from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.e2e.conftest import Visitor
from tests.factories import make_staff

pytestmark = pytest.mark.browser


def test_a_person_signs_in_and_out(visitor: Visitor) -> None:
    page = visitor.sign_in(make_staff(Role.MANAGER, name="Dana Ruiz"))
    visitor.is_accessible()

    page.get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/sign-in")
    visitor.is_accessible()
