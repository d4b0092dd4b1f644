"""Finding what a URL names among what is the customer's own. Another's, and what is not there, is the same 404."""

from __future__ import annotations

from flask import abort

from creditapp.db import db
from creditapp.models import InvoiceStatus
from creditapp.queries import customers, invoice
from creditapp.queries.customers import Profile
from creditapp.queries.invoice import InvoiceFacts
from creditapp.web.clients import current_client


def own_profile() -> Profile:
    """Return the customer who asks."""
    found = customers.find_profile(db.session(), current_client().id)
    if found is None:
        abort(404)
    return found


def own_invoice_or_404(invoice_id: int) -> InvoiceFacts:
    """Return the invoice of this page; a draft is not the customer's yet."""
    found = invoice.find(db.session(), invoice_id, customer_id=current_client().id)
    if found is None or found.status == InvoiceStatus.DRAFT:
        abort(404)
    return found
