"""Finding what a URL names among what is the customer's own. Another's, and what is not there, is the same 404."""

from __future__ import annotations

from flask import abort, request

from creditapp.db import db
from creditapp.models import InvoiceStatus
from creditapp.queries import customers, invoice, merged
from creditapp.queries.customers import Profile
from creditapp.queries.invoice import InvoiceFacts
from creditapp.web import urls
from creditapp.web.clients import current_client


def own_profile() -> Profile:
    """Return the customer who asks."""
    found = customers.find_profile(db.session(), current_client().id)
    if found is None:
        abort(404)
    return found


def earlier_accounts() -> list[int]:
    """Return the accounts that were merged into that of the customer who asks."""
    return merged.family_of(db.session(), current_client().id)[1:]


def own_or_earlier_or_404() -> int:
    """Return the account that `?of=` names, the customer's own where it names none. Another's is not there."""
    typed = request.args.get("of", "")
    if not typed:
        return current_client().id
    named = urls.number(typed)
    if named is None or named not in earlier_accounts():
        abort(404)
    return named


def own_invoice_or_404(invoice_id: int) -> InvoiceFacts:
    """Return the invoice of this page; a draft is not the customer's yet."""
    found = invoice.find(db.session(), invoice_id, customer_id=current_client().id)
    if found is None or found.status == InvoiceStatus.DRAFT:
        abort(404)
    return found
