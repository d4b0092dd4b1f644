"""The code that a customer passes on to others: on the user page, made by a button."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.promos import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import transact
from creditapp.permissions import Permission, requires
from creditapp.services import referrals
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify


@bp.post("/admin/users/<id:customer_id>/referral-code")
@requires(Permission.CUSTOMER_WRITE)
def make_referral_code(customer_id: int) -> ResponseReturnValue:
    profile_or_404(customer_id)
    if BareForm().validate():
        code = transact(referrals.code_of, customer_id)
        notify("The referral code is", f"{code}.")
    else:
        notify("This form had expired.", "Nothing was saved; press the button again.", kind="error")
    return redirect(url_for("users.show", customer_id=customer_id, _anchor="referral"), 303)
