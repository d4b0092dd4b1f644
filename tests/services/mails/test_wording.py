"""Texts are filled once, refuse what nobody can fill, and hold no surprises."""

from __future__ import annotations

from datetime import date

import pytest

from creditapp.errors import MailTextError
from creditapp.models import MailEvent
from creditapp.money import currency
from creditapp.services.mails import preview, wording
from creditapp.services.mails.catalogue import DELIVERED

DOLLARS = currency("USD")


def test_facts_are_written_as_people_read_them() -> None:
    facts = {
        "amount": 123456,
        "balance_minor": -5,
        "invoice": 1234,
        "due_on": date(2026, 3, 1),
        "text": " a\r\nb\x00c ",
    }

    assert wording.words(facts, DOLLARS) == {
        "amount": "$1,234.56",
        "balance": "−$0.05",
        "invoice": "1234",
        "due_on": "1 Mar 2026",
        "text": "a b c",
    }
    assert wording.words({"amount": 1234}, currency("JPY")) == {"amount": "¥1,234"}


def test_what_is_filled_in_is_not_read_again() -> None:
    assert wording.fill("{name} has {balance}", {"name": "{balance}", "balance": "$5.00"}) == "{balance} has $5.00"


def test_braces_that_are_no_placeholder_stay() -> None:
    text = "{} {a b} {{name}} {1} }{"

    wording.check(MailEvent.CREDIT_RECEIVED, "body", text)
    assert wording.fill(text, {"name": "Ana"}) == "{} {a b} {Ana} {1} }{"


def test_empty_values_leave_no_gaps() -> None:
    assert wording.body("Hello {name},\n\n{text}\n\nBye", {"name": "Ana", "text": ""}) == "Hello Ana,\n\nBye"


def test_controls_that_turn_the_direction_of_our_words_are_dropped() -> None:
    assert wording.words({"name": "\u202eevil\u2066 x\u2028y"}, DOLLARS) == {"name": "evil x y"}


@pytest.mark.parametrize("event", list(DELIVERED))
def test_the_delivered_texts_hold_to_the_rules(event: MailEvent) -> None:
    known = DELIVERED[event]

    for field, text in (("subject", known.subject), ("body", known.body)):
        wording.check(event, field, text)
    shown = preview.example(event, known.subject, known.body, company="Kite Hosting", currency=DOLLARS)

    written = " ".join([shown.subject, *(line for lines in shown.paragraphs for line in lines)])
    assert "{" not in written
    assert "Kite Hosting" in written
    assert known.example.keys() <= known.names.keys()


@pytest.mark.parametrize(
    ("field", "text"), [("body", "{Name} {url}"), ("body", "{amount} {url}"), ("subject", "{url}")]
)
def test_what_this_mail_cannot_fill_is_refused(field: str, text: str) -> None:
    with pytest.raises(MailTextError, match="There is no"):
        wording.check(MailEvent.PASSWORD_RESET, field, text)
