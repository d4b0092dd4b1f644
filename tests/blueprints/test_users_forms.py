"""What goes wrong between opening a form and sending it: nothing is lost, nothing is written, nothing breaks."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.models import Customer, LogInSession, Role
from tests.browser import Browser, Page
from tests.factories import balance_of, make_customer, make_staff

TEN_MEGABYTES = 10 * 1024 * 1024


def detail(customer: int) -> str:
    return f"/admin/users/{customer}"


def end_all_sessions() -> None:
    def age(session: Session) -> None:
        for row in session.scalars(select(LogInSession)):
            row.seen_at -= timedelta(days=2)

    transact(age)


def test_an_expired_token_keeps_what_was_typed(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    for token in (None, "", "x", "IjEi.aaaa.bbbb"):
        page = browser.submit(detail(customer), form="Apply", amount="7", note="Typed", csrf_token=token)

        assert page.status == 422
        assert page.summary == ["This form had expired. Nothing was saved; check it and send it again."]
        assert (page.value("amount"), page.value("note")) == ("7", "Typed")
    assert balance_of(customer) == 500
    browser.submit(page, form="Apply")
    assert balance_of(customer) == 1200


def test_no_form_uses_up_a_key_of_the_system(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    for key in ("auto:17:1", "top-up:17", "seven17", "x" * 65, "naïve-key"):
        page = browser.submit(detail(customer), form="Apply", amount="7", note="Typed", submission=key)

        assert page.status == 422
        assert page.summary == ["This form has lost its key. Nothing was saved; send it again."]
    assert balance_of(customer) == 500
    browser.submit(page, form="Apply")
    assert balance_of(customer) == 1200


def test_an_expired_session_keeps_what_was_typed_for_the_same_person(browser: Browser) -> None:
    customer = make_customer(500)
    dana = make_staff()
    browser.sign_in(dana)
    form = browser.open(detail(customer))
    end_all_sessions()

    page = browser.submit(form, form="Apply", direction="remove", amount="3", note="Typed before lunch")
    assert page.path == "/sign-in"
    assert balance_of(customer) == 500
    page = browser.submit(page, email=dana.email, password=dana.password)

    assert page.path == f"{detail(customer)}/credit"
    assert (page.value("amount"), page.value("direction")) == ("3", "remove")
    assert page.value("note") == "Typed before lunch"
    browser.submit(page, form="Apply")
    assert balance_of(customer) == 200


def test_somebody_else_does_not_find_what_was_typed(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())
    form = browser.open(detail(customer))
    end_all_sessions()
    other = make_staff(Role.MANAGER)

    page = browser.submit(form, form="Apply", amount="3", note="Private")
    page = browser.submit(page, email=other.email, password=other.password)

    assert page.value("amount") == ""
    assert "Private" not in page.html


def test_a_field_sent_twice_is_refused(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount=["1", "999"], note="Twice")

    assert page.status == 422
    assert page.errors("amount") == ["This field was sent more than once. Send the form again."]
    assert page.value("note") == "Twice"
    assert balance_of(customer) == 500


def test_texts_that_cannot_be_kept_are_explained(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())
    page = browser.open(detail(customer))

    page = browser.submit(page, form="Apply", amount="7", note="a\x00b", ticket="T" * 201, customer_note="Hello")
    assert page.status == 422
    assert page.errors("note") == ["This text holds a NUL character; remove it."]
    assert page.errors("ticket") == ["Use at most 200 characters; this has 201."]
    assert (page.value("amount"), page.value("customer_note")) == ("7", "Hello")

    page = browser.submit(page, form="Apply", note="x" * 2001, ticket="")
    assert page.errors("note") == ["Use at most 2,000 characters; this has 2,001."]
    assert balance_of(customer) == 500

    page = browser.submit(page, form="Apply", note="\u202eevil\u202c " + "é" * 1900)
    assert page.status == 200
    assert "⟦U+202E⟧evil⟦U+202C⟧" in page.rows("history")[0][2]


def test_a_note_of_ten_megabytes_is_refused_beside_its_box(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="7", ticket="T-1", note="n" * TEN_MEGABYTES)

    assert page.status == 422
    assert page.errors("note") == ["Use at most 2,000 characters; this has 10,485,760."]
    assert (page.value("amount"), page.value("ticket")) == ("7", "T-1")
    assert len(page.html) < 300_000
    assert balance_of(customer) == 500


def test_a_body_that_nobody_types_is_not_read(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="7", note="n" * (2 * TEN_MEGABYTES))

    assert page.status == 413
    assert "Nothing was saved." in page.text
    assert balance_of(customer) == 500


def test_broken_characters_are_refused_and_the_rest_is_kept(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    for broken in ("%ED%A0%80", "%FF", "%C3"):
        page = _send_raw(browser, browser.open(detail(customer)), broken, amount="7", ticket="T-1")

        assert page.status == 422
        assert page.summary == [
            "This form holds a broken character. Nothing was saved; type the text anew and send it again."
        ]
        assert (page.value("amount"), page.value("ticket")) == ("7", "T-1")
    assert balance_of(customer) == 500


def test_an_address_that_names_nobody_is_a_page_that_is_not_there(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    for number in ("0", "-1", str(2**63), str(2**53 + 1), "999", "x", "1.0", "٣", "%00", "%ED%A0%80"):
        for rest in ("", "/edit", "/credit", "/credit/1", "/credit/1/reversal", "/credit/history.csv"):
            assert browser.open(f"/admin/users/{number}{rest}").status == 404, number + rest
        for act in ("", "/reversal", "/void", "/deletion"):
            assert browser.open(f"{detail(customer)}/credit/{number}{act}").status == 404, number + act


def test_links_that_make_no_sense_show_the_page_as_it_is(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    for nonsense in ("x", "-1", "%00", "%ED%A0%80", "W10", "WyJhIl0", "WzEsMl0", "W251bGxd", "9" * 3000, "WzFlOTk5XQ"):
        for name in ("after", "before", "on", "folded"):
            assert browser.open(f"{detail(customer)}?{name}={nonsense}").status == 200
        for name in ("q", "sort", "status", "credit", "from", "until", "after", "before"):
            assert browser.open(f"/admin/users?{name}={nonsense}").status == 200


def test_names_are_text_wherever_they_stand(browser: Browser) -> None:
    payload = "<img src=x onerror=alert(1)>\"'"
    customer = make_customer(500, name=payload, company=payload, email="x@y", external_id=payload)
    browser.sign_in(make_staff(name=payload))

    page = browser.submit(
        detail(customer), form="Apply", amount="7", note=payload, customer_note=payload, ticket=payload
    )
    pages = [
        page,
        *(browser.open(f"{detail(customer)}{rest}") for rest in ("/edit", "/credit/2", "/credit/2/reversal")),
    ]
    pages.append(browser.open("/admin/users?q=onerror"))

    for one in pages:
        assert "<img" not in one.html
        assert payload in one.text


def _send_raw(browser: Browser, page: Page, note: str, **fields: str) -> Page:
    form = page.form("Apply")
    sent = form.filled(fields)
    sent.pop("note", None)
    body = f"{urlencode(sent, doseq=True)}&note={note}"
    response = browser.client.post(form.action, data=body, content_type="application/x-www-form-urlencoded")
    return Page(response, form.action)


def test_two_tabs_one_profile(browser: Browser) -> None:
    customer = make_customer(name="Brigid Nolan")
    browser.sign_in(make_staff())
    first, second = browser.open(f"{detail(customer)}/edit"), browser.open(f"{detail(customer)}/edit")
    browser.submit(first, company="Tandem Pottery")

    page = browser.submit(second, name="Brigid O’Nolan", company="Kite & Anchor")

    assert page.status == 422
    assert page.summary[0].startswith("Somebody else changed this user after you opened this form. Nothing was saved.")
    assert (page.value("name"), page.value("company")) == ("Brigid O’Nolan", "Kite & Anchor")
    assert "Name Brigid Nolan Company Tandem Pottery" in page.text
    assert _saved(customer) == ("Brigid Nolan", "Tandem Pottery")

    browser.submit(page)
    assert _saved(customer) == ("Brigid O’Nolan", "Kite & Anchor")


def _saved(customer: int) -> tuple[str, str]:
    db.session.rollback()
    row = db.session.execute(select(Customer.name, Customer.company).where(Customer.id == customer)).one()
    return row[0], row[1]
