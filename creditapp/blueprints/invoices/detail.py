"""The page about one invoice: what it charges, what was paid of it, the credit on it and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import url_for

from creditapp.blueprints.invoices import words
from creditapp.blueprints.invoices.finding import crumbs
from creditapp.blueprints.invoices.forms import ApplyForm, IssueForm
from creditapp.blueprints.invoices.paying import payment_part
from creditapp.db import db
from creditapp.models import InvoiceKind, InvoiceStatus
from creditapp.permissions import Permission, can
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import ledger
from creditapp.web.filters import day, plain
from creditapp.web.lists import PAGE_ROWS, Column, link
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel

LINE_COLUMNS = (
    Column("Description"),
    Column("Period"),
    Column("Quantity", numeric=True),
    Column("Unit", numeric=True),
    Column("Tax", numeric=True),
    Column("Amount", numeric=True),
)
PAYMENT_COLUMNS = (
    Column("Date"),
    Column("What"),
    Column("Reference"),
    Column("Amount", numeric=True),
)
HISTORY_ROWS = PAGE_ROWS
"""So many of the newest are on the page; all of them have pages of their own."""
HISTORY_COLUMNS = (Column("When"), Column("What"), Column("By", css="by"), Column("Entry"))


@dataclass(frozen=True, slots=True)
class Told:
    """What the Credit section says."""

    last: str
    """What was decided last, and why."""
    now: str
    """What the rule would do by itself now; empty where nothing is due."""
    why_not: str
    """Why nothing can be applied by hand."""
    most_minor: int


def render_invoice(invoice: InvoiceFacts, form: ApplyForm | None, *, status: int = 200) -> tuple[str, int]:
    """Render the page; `form` is None for who may not apply credit."""
    session, panel = db.session(), current_panel()
    key = (invoice.customer_id, invoice.id)
    history = queries.history(session, *key, most=HISTORY_ROWS)
    others = queries.count_history(session, *key) - len(history) if len(history) == HISTORY_ROWS else 0
    verdict = queries.verdict(session, invoice)
    is_open = invoice.status == InvoiceStatus.UNPAID
    told = Told(
        words.why_last(queries.decisions(session, *key), has_credit=invoice.has_credit),
        words.why_now(verdict) if is_open else "",
        words.why_not_by_hand(verdict.by_hand) if is_open else "",
        verdict.by_hand.amount_minor,
    )
    if form is not None and not form.is_submitted() and not form.from_draft:
        form.amount.data = plain(told.most_minor) if told.most_minor else ""
    return render_page(
        "invoices/show.html",
        form,
        status=status,
        crumbs=[*crumbs(), (f"#{invoice.id}", None)],
        invoice=invoice,
        kind=InvoiceKind(invoice.kind).label,
        status_tag=words.status_tag(invoice.status, is_overdue=is_overdue(invoice.status, invoice.due_on)),
        lines=queries.lines(session, *key),
        line_columns=LINE_COLUMNS,
        period=_period,
        paid_parts=queries.paid_parts(session, *key, zone=panel.zone),
        payment_columns=PAYMENT_COLUMNS,
        method_words=words.method_words,
        history=history,
        history_columns=HISTORY_COLUMNS,
        event_words=words.event_words,
        others=others,
        reference=ledger.reference,
        told=told,
        issue_form=IssueForm(sent=False, data={"version": str(invoice.version)}) if _is_draft(invoice) else None,
        payment_url=_payment_url(invoice),
        paying=payment_part(invoice),
    )


def is_overdue(status: str, due_on: date | None) -> bool:
    """Return whether an invoice should have been paid before today."""
    return status == InvoiceStatus.UNPAID and due_on is not None and due_on < current_panel().today()


def _is_draft(invoice: InvoiceFacts) -> bool:
    return invoice.status == InvoiceStatus.DRAFT


def _period(line: Any) -> str:  # noqa: ANN401  (a row)
    """Return the days that a line pays for, the last one included; its end is the first day it does not pay for."""
    if line.period_start is None or line.period_end is None:
        return ""
    return f"{day(line.period_start)} – {day(line.period_end - timedelta(days=1))}"


def _payment_url(invoice: InvoiceFacts) -> str | None:
    """Return where a payment for it is recorded, for who may do that."""
    if not can(Permission.PAYMENT_WRITE) or invoice.status not in {InvoiceStatus.UNPAID, InvoiceStatus.PAID}:
        return None
    return link(url_for("payments.create"), {"customer": invoice.customer_id, "invoice": invoice.id})
