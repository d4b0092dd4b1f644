"""Finding what a URL names, or saying that it is not there."""

from __future__ import annotations

from flask import abort, url_for

from creditapp.db import db
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts


def invoice_or_404(invoice_id: int) -> InvoiceFacts:
    """Return the invoice of this page, read anew."""
    found = queries.find(db.session(), invoice_id)
    if found is None:
        abort(404)
    return found


def crumbs(invoice_id: int | None = None, here: str = "") -> list[tuple[str, str | None]]:
    """Return the way to a page about an invoice."""
    way: list[tuple[str, str | None]] = [
        ("Admin", None),
        ("Billing", None),
        ("Invoices", url_for("invoices.index")),
    ]
    if invoice_id is not None:
        way.append((f"#{invoice_id}", url_for("invoices.show", invoice_id=invoice_id)))
    return [*way, (here, None)] if here else way
