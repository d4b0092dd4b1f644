"""PDF: a page's own words on paper. Nothing is fetched from anywhere while one is made.

WeasyPrint stands on libraries of the system; where they are missing there is no PDF, and no link to one.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Response, current_app, render_template

PAPER = "paper.css"
PDFS = "10 per minute"
"""A page of lines takes a good part of a second to set."""


@cache
def engine() -> ModuleType | None:
    """Return WeasyPrint; None where it cannot be imported. The first time takes half a second."""
    try:
        import weasyprint  # noqa: PLC0415  (it may be missing, and takes long)
    except (ImportError, OSError):
        return None
    return weasyprint  # type: ignore[no-any-return]  # it ships no types


def is_available() -> bool:
    """Return whether PDFs can be made here."""
    return engine() is not None


def make_pdf(html: str, css: str) -> bytes:
    """Return the document as PDF. Whatever address it names is refused.

    Raises:
        RuntimeError: WeasyPrint is missing.
    """
    weasyprint = engine()
    if weasyprint is None:
        raise RuntimeError("WeasyPrint is missing.")

    class Nothing(weasyprint.URLFetcher):  # type: ignore[misc,name-defined]  # it ships no types
        def fetch(self, url: str, headers: Any = None) -> Any:  # noqa: ANN401, ARG002  (WeasyPrint's signature)
            raise ValueError(f"A document fetches nothing, and not {url[:80]}.")

    nothing = Nothing()
    sheet = weasyprint.CSS(string=css, url_fetcher=nothing)
    document = weasyprint.HTML(string=html, url_fetcher=nothing)
    made: bytes = document.write_pdf(stylesheets=[sheet], presentational_hints=False)
    return made


def pdf_response(template: str, name: str, **context: Any) -> Response:  # noqa: ANN401  (what the template takes)
    """Render the template as a PDF that is saved under this name."""
    html = render_template(template, **context)
    css = (Path(str(current_app.static_folder)) / PAPER).read_text(encoding="utf-8")
    response = Response(make_pdf(html, css), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response
