"""The edge, one folder per blueprint: routes and forms."""

from flask import Flask


def register_blueprints(app: Flask) -> None:
    """Let the application answer on every URL there is."""
    from creditapp.blueprints import auth, credits, imports, products, search, settings, users  # noqa: PLC0415  (they need the models)

    for blueprint in (auth.bp, users.bp, imports.bp, credits.bp, products.bp, settings.bp, search.bp):
        app.register_blueprint(blueprint)
