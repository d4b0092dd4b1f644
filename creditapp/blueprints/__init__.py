"""The edge, one folder per blueprint: routes and forms."""

from flask import Flask


def register_blueprints(app: Flask) -> None:
    """Let the application answer on every URL there is."""
    from creditapp.blueprints import (  # noqa: PLC0415  (they need the models)
        account,
        auth,
        credits,
        imports,
        invoices,
        orders,
        payments,
        products,
        sandbox,
        search,
        settings,
        users,
        webhooks,
    )

    for blueprint in (auth, account, users, imports, credits, invoices, orders, payments, products, settings, search):
        app.register_blueprint(blueprint.bp)
    for far_side in (sandbox, webhooks):
        app.register_blueprint(far_side.bp)
