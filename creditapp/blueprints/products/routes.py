from __future__ import annotations

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.products import bp
from creditapp.blueprints.products.forms import ProductForm
from creditapp.blueprints.products.listing import STATUS_CHOICES, Asked, columns, read_page
from creditapp.db import db, transact
from creditapp.errors import DomainError, StaleFormError
from creditapp.models import Cycle, ProductKind
from creditapp.permissions import Permission, requires
from creditapp.queries import products as queries
from creditapp.queries.products import ProductFacts
from creditapp.services import products
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.get("/admin/billing/products")
@requires(Permission.PRODUCT_READ)
def index() -> ResponseReturnValue:
    path = url_for("products.index")
    asked = Asked.read(request.args)
    return render_page(
        "products/index.html",
        crumbs=[("Admin", None), ("Billing", None), ("Products", None)],
        asked=asked,
        page=read_page(asked, request.args, path),
        columns=columns(asked, path),
        chips=asked.chips(path),
        status_choices=STATUS_CHOICES,
        path=path,
        kind_of=ProductKind,
        cycle_of=Cycle,
    )


@bp.route("/admin/billing/products/new", methods=["GET", "POST"])
@requires(Permission.PRODUCT_WRITE)
def create() -> ResponseReturnValue:
    form = ProductForm()
    status = 200
    if form.validate_on_submit():
        try:
            transact(products.create, form.fields, by=current_actor(), key=form.submission.key)
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Product added.", form.fields.name)
            return redirect(url_for("products.index"), 303)
    return _page(form, "New product", status)


@bp.route("/admin/billing/products/<id:product_id>", methods=["GET", "POST"])
@requires(Permission.PRODUCT_WRITE)
def edit(product_id: int) -> ResponseReturnValue:
    product = _product_or_404(product_id)
    form = ProductForm(product)
    status = 200
    if form.validate_on_submit():
        try:
            transact(products.edit, product_id, form.fields, version=form.version.number, by=current_actor())
        except DomainError as error:
            status = place(form, error)
            if isinstance(error, StaleFormError):
                form.compare(_product_or_404(product_id))
        else:
            notify("Product saved.", form.fields.name)
            return redirect(url_for("products.index"), 303)
    return _page(form, product.name, status, product)


def _page(form: ProductForm, title: str, status: int, product: ProductFacts | None = None) -> ResponseReturnValue:
    list_url = url_for("products.index")
    crumbs = [("Admin", None), ("Billing", None), ("Products", list_url), (title, None)]
    return render_page(
        "products/edit.html", form, status=status, crumbs=crumbs, title=title, product=product, list_url=list_url
    )


def _product_or_404(product_id: int) -> ProductFacts:
    return queries.find(db.session(), product_id) or abort(404)
