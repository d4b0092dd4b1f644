"""One promo code: what it brings, who has used it, and the same as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.promos import bp
from creditapp.blueprints.promos.routes import BILLING, promo_or_404
from creditapp.blueprints.promos.words import TONES, brings, days, used
from creditapp.db import db, snapshot
from creditapp.models import PromoUse
from creditapp.permissions import Permission, can, requires
from creditapp.queries import promos as queries
from creditapp.queries.promos import State
from creditapp.services.ledger import reference
from creditapp.web import lists
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.filters import plain, utc
from creditapp.web.forms import BareForm
from creditapp.web.lists import Column, Page, Sort
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

COLUMNS = (
    Column("When"),
    Column("Customer"),
    Column("Order"),
    Column("Status"),
    Column("Credit", numeric=True),
    Column("Entry"),
)
HEADINGS = ("used_at", "customer_id", "customer", "invoice_id", "order_total", "credit", "currency", "status", "entry")
STATUS = {"pending": ("Comes when paid", "waiting"), "granted": ("Granted", "done"), "dropped": ("Dropped", "open")}


def _whole(values: Sequence[Any]) -> Sequence[Any]:
    if any(type(value) is not int or not 0 <= value <= 2**53 for value in values):
        raise ValueError("no whole number")
    return values


_NEWEST = Sort((PromoUse.__table__.c.invoice_id, PromoUse.__table__.c.customer_id), descending=True, read=_whole)


@bp.get("/admin/billing/promo-codes/<id:promo_id>")
@requires(Permission.PROMO_READ)
def show(promo_id: int) -> ResponseReturnValue:
    promo = promo_or_404(promo_id)
    path = url_for("promos.show", promo_id=promo_id)
    return render_page(
        "promos/show.html",
        crumbs=[*BILLING, ("Promo codes", url_for("promos.index")), (promo.code, None)],
        promo=promo,
        state=State(promo.state),
        tones=TONES,
        words={"brings": brings(promo), "days": days(promo), "used": used(promo)},
        brought=queries.brought(db.session(), promo_id),
        page=_page_of_uses(promo_id, path),
        columns=COLUMNS,
        status_words=STATUS,
        reference=reference,
        export_url=url_for("promos.export_uses", promo_id=promo_id) if can(Permission.CUSTOMER_EXPORT) else None,
        off_form=BareForm(sent=False),
    )


@bp.get("/admin/billing/promo-codes/<id:promo_id>/uses.csv")
@requires(Permission.CUSTOMER_EXPORT)
@limiter.limit(EXPORTS)
def export_uses(promo_id: int) -> ResponseReturnValue:
    promo = promo_or_404(promo_id)
    record_export("promo_uses", promo_id, {})
    return csv_response(f"uses-of-{promo.code}.csv", HEADINGS, _lines(promo_id))


def _page_of_uses(promo_id: int, path: str) -> Page:
    cursor = lists.read_cursor(request.args, _NEWEST)
    found = db.session.execute(lists.select_page(queries.select_uses(promo_id), _NEWEST, cursor)).all()
    return lists.make_page(
        found,
        cursor,
        key_of=lambda row: (row.invoice_id, row.customer_id),
        url=lambda **place: lists.link(path, place, "uses"),
        noun="uses",
    )


def _lines(promo_id: int) -> Iterator[Sequence[Any]]:
    """Yield the uses of one moment of the database, newest first."""
    code = current_panel().currency.code
    with snapshot() as session:
        newest = queries.select_uses(promo_id).order_by(PromoUse.invoice_id.desc(), PromoUse.customer_id.desc())
        for row in session.execute(newest.execution_options(yield_per=500)):
            yield (
                utc(row.created_at),
                row.customer_id,
                row.name,
                row.invoice_id,
                Number(plain(row.total_minor)),
                Number(plain(row.amount_minor)),
                code,
                row.status,
                reference(row.customer_id, row.entry_seq) if row.entry_seq else None,
            )
