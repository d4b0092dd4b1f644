"""Looking at the client area as a customer sees it."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, requires
from creditapp.services import viewing
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.sessions import current_actor, start_at_client_door


@bp.post("/admin/users/<id:customer_id>/view-as")
@requires(Permission.CUSTOMER_VIEW_AS)
def view_as(customer_id: int) -> ResponseReturnValue:
    """Open the client area in a session of its own, with which nothing can be done."""
    customer, back = profile_or_404(customer_id), url_for("users.show", customer_id=customer_id)
    if not BareForm().validate_on_submit():
        notify("Nothing was opened.", "The page had expired; press the button again.", kind="warning")
        return redirect(back, 303)
    try:
        browser = request.headers.get("User-Agent", "")[:200]
        token = transact(viewing.begin, customer.id, by=current_actor(), browser=browser)
    except DomainError as error:
        notify(error.sentence(str), kind="warning")
        return redirect(back, 303)
    response = redirect(url_for("account.home"), 303)
    start_at_client_door(response, token)
    return response
