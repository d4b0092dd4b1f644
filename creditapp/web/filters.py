"""How values look in pages: amounts, moments and days. Each returns plain text, so that escaping stays Jinja's."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flask import Flask

from creditapp.web.panel import current_panel

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BIDI_CONTROLS = {chr(code): f"⟦U+{code:04X}⟧" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_MARKS = str.maketrans(_BIDI_CONTROLS)


def money(minor: int) -> str:
    """Return `$1,234.50`, `−$14.99`."""
    return current_panel().currency.format(minor)


def signed(minor: int) -> str:
    """Return `+$10.00`, `−$14.99`."""
    return current_panel().currency.signed(minor)


def plain(minor: int) -> str:
    """Return `-1234.50`: what a form and a CSV hold."""
    return current_panel().currency.plain(minor)


def short(minor: int) -> str:
    """Return `$2.5k`: what an axis has room for."""
    return current_panel().currency.short(minor)


def percent(basis_points: int) -> str:
    """Return `19` or `7.7`: what a form holds; a page writes ` %` after it."""
    whole, hundredths = divmod(basis_points, 100)
    return f"{whole}.{hundredths:02d}".rstrip("0").rstrip(".")


def when(moment: datetime) -> str:
    """Return `21 Nov 2026, 13:26` in the panel's zone."""
    local = moment.astimezone(current_panel().zone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local.hour:02d}:{local.minute:02d}"


def when_exactly(moment: datetime) -> str:
    """Return the moment with seconds and the zone's name, for a tooltip."""
    local = moment.astimezone(current_panel().zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def utc(moment: datetime) -> str:
    """Return the moment as `<time datetime>` wants it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: date) -> str:
    """Return `21 Nov 2026`."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def local_day(moment: datetime) -> str:
    """Return the panel's calendar day at this moment, `21 Nov 2026`."""
    return day(moment.astimezone(current_panel().zone).date())


def visible(text: str) -> str:
    """Return the text with controls that reorder it shown as marks, so that no name can pose as another."""
    return text.translate(_MARKS)


def init_filters(app: Flask) -> None:
    """Give templates these filters."""
    for function in (money, signed, plain, percent, when, when_exactly, utc, day, local_day, visible):
        app.add_template_filter(function)
