"""The edge, one folder per blueprint: routes and forms."""

from flask import Flask


def register_blueprints(app: Flask) -> None:
    """Let the application answer on every URL there is."""
    from creditapp.blueprints import (  # noqa: PLC0415  (they need the models)
        account,
        audit,
        auth,
        batches,
        credits,
        health,
        imports,
        incidents,
        invoices,
        mails,
        orders,
        payments,
        products,
        profile,
        promos,
        refunds,
        sandbox,
        search,
        settings,
        staff,
        suspense,
        users,
        webhooks,
    )

    at_the_desk = (auth, users, imports, credits, invoices, orders, payments, products, mails, settings, search)
    for blueprint in (*at_the_desk, refunds, promos, audit, staff, profile, account):
        app.register_blueprint(blueprint.bp)
    for blueprint in (incidents, batches, suspense, sandbox, webhooks, health):
        app.register_blueprint(blueprint.bp)
