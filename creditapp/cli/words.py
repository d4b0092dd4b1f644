"""How commands speak: counts, money and refusals in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import select

from creditapp.db import db
from creditapp.errors import DomainError
from creditapp.models import Setting
from creditapp.money import Currency, currency


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return `1 line`, `2,000 lines`."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def panel_currency() -> Currency:
    """Return the currency the panel runs in."""
    code = db.session.execute(select(Setting.currency).where(Setting.id == 1)).scalar_one()
    db.session.rollback()
    return currency(code)


@contextmanager
def refusals() -> Iterator[None]:
    """Say what the business refuses in one sentence on stderr, and exit 1."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(error.sentence(panel_currency().format)) from error
