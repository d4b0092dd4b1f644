"""Settings, *Mail*, and what a customer was told, as staff see it."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import AuditDetails, AuditRow, Mail, MailText, Role, Setting
from tests.browser import Browser
from tests.factories import change_settings, give, make_customer, make_mail, make_staff

PAGE = "/admin/billing/settings/mail"
TEXT = f"{PAGE}/credit_received"


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN, name="Dana Ruiz", email="dana@kite.example"))
    return browser


def saved() -> Setting:
    db.session.rollback()
    return db.session.get_one(Setting, 1, populate_existing=True)


def audited(action: str) -> list[dict[str, dict[str, object]]]:
    db.session.rollback()
    statement = select(AuditDetails.details).join(AuditRow).where(AuditRow.action == action)
    return list(db.session.scalars(statement.order_by(AuditRow.seq)))


def test_the_set_up_is_saved_and_audited(admin: Browser) -> None:
    page = admin.submit(
        PAGE,
        form="Save",
        mail_from="billing@kite.example",
        low_balance="5",
        expiry_notice_days="30",
        on_low_balance=False,
    )

    assert (page.path, page.flashes) == (PAGE, ["Settings saved. They hold for mails that are written from now on."])
    now = saved()
    assert (now.mail_from, now.low_balance_minor, now.expiry_notice_days) == ("billing@kite.example", 500, 30)
    [details] = audited("settings_saved")
    assert details["before"] == {
        "mail_from": "",
        "low_balance_minor": 0,
        "expiry_notice_days": 14,
        "low_balance": True,
    }
    assert not db.session.get_one(MailText, "low_balance").is_enabled


def test_saving_what_is_saved_writes_nothing(admin: Browser) -> None:
    version = saved().version

    admin.submit(PAGE, form="Save")

    assert saved().version == version
    assert audited("settings_saved") == []


@pytest.mark.parametrize(
    ("box", "typed", "words"),
    [
        ("mail_from", "billing", "Enter an address like billing@example.com, or leave the box empty."),
        ("mail_from", "a@b.example>\r\nBcc: c@d.example", "Enter an address like"),
        ("mail_from", "x" * 300, "Use at most 254 characters; this has 300."),
        ("low_balance", "-5", "Enter an amount without a minus."),
        ("expiry_notice_days", "91", "Enter a whole number from 0 to 90."),
    ],
)
def test_bad_input_is_explained_beside_its_box(admin: Browser, box: str, typed: str, words: str) -> None:
    page = admin.submit(PAGE, form="Save", **{box: typed})

    assert page.status == 422
    assert page.errors(box)[0].startswith(words)
    assert saved().mail_from == ""


def test_somebody_elses_changes_are_not_overwritten_unseen(admin: Browser) -> None:
    page = admin.open(PAGE)
    change_settings(version=saved().version + 1, expiry_notice_days=3)

    answer = admin.submit(page, form="Save", mail_from="billing@kite.example")

    assert answer.status == 422
    assert "Saved meanwhile: 3." in answer.errors("expiry_notice_days")
    assert admin.submit(answer, form="Save").status == 200
    assert saved().mail_from == "billing@kite.example"


def test_without_a_server_the_page_says_that_mails_wait(admin: Browser, app: Flask) -> None:
    change_settings(mail_from="billing@kite.example")
    give(make_customer(), 500)

    assert "No mail server is set, so mails wait. 1 mail waits, the first since" in admin.open(PAGE).text

    app.config["SMTP_URL"] = "smtp://me:s3cret@mail.example:587?tls=1"
    page = admin.open(PAGE)
    assert "Mails go out through mail.example:587" in page.text
    assert "s3cret" not in page.html


def test_a_test_goes_to_who_asks_and_once(admin: Browser) -> None:
    change_settings(mail_from="billing@kite.example")
    page = admin.open(PAGE)

    for _ in range(2):
        answer = admin.submit(page, form="Send a test mail to me")

    assert answer.flashes[0].startswith("A test to dana@kite.example was written.")
    [mail] = db.session.scalars(select(Mail)).all()
    assert (mail.recipient, mail.customer_id, mail.event) == ("dana@kite.example", None, "test")
    assert "Hello Dana Ruiz" in mail.text


def test_a_test_without_a_sender_is_refused(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Send a test mail to me")

    assert page.status == 422
    assert "Save an address first that mails come from." in page.text
    assert db.session.scalars(select(Mail)).all() == []


def test_words_are_saved_used_and_restored(admin: Browser) -> None:
    change_settings(mail_from="billing@kite.example")

    admin.submit(TEXT, form="Save", subject="{amount} for you", body="Dear {name},\n\n{text}")
    give(make_customer(name="Ngozi Okafor"), 2500)
    [mail] = db.session.scalars(select(Mail)).all()
    page = admin.submit(TEXT, form="Restore the delivered text")

    assert (mail.subject, mail.text) == ("$25.00 for you", "Dear Ngozi Okafor,\n\nA credit from us to you")
    assert page.value("subject") == "{amount} of credit was added to your account"
    db.session.rollback()
    assert db.session.get_one(MailText, "credit_received", populate_existing=True).body == ""
    assert [details["after"]["subject"] for details in audited("mail_text_saved")] == [
        "{amount} for you",
        "as delivered",
    ]


@pytest.mark.parametrize("button", ["Save", "Update preview"])
@pytest.mark.parametrize(("box", "link"), [("subject", ""), ("body", "{page}, ")])
def test_a_placeholder_nobody_can_fill_is_refused_with_those_there_are(
    admin: Browser, box: str, link: str, button: str
) -> None:
    page = admin.submit(TEXT, form=button, **{box: "Hello {first_name}"})

    there_are = f"{{amount}}, {{balance}}, {{company}}, {{name}}, {link}{{text}}"
    assert page.status == 422
    assert page.errors(box) == [f"There is no {{first_name}} here. Use {there_are}."]
    assert db.session.scalars(select(MailText)).all() == []


def test_a_mail_whose_point_is_a_link_cannot_lose_it(admin: Browser) -> None:
    page = admin.submit(f"{PAGE}/password_reset", form="Save", body="Hello {name}")

    assert page.errors("body") == ["Without {url} nobody could follow the link: put it somewhere."]


def test_the_preview_shows_what_is_typed_as_text(admin: Browser) -> None:
    page = admin.submit(TEXT, form="Update preview", body="Hi {name}!\n\n<b>{amount}</b>\n\n{page}")

    assert page.status == 200
    assert "Hi Ngozi Okafor!" in page.text
    assert "&lt;b&gt;$25.00&lt;/b&gt;" in page.html
    assert "https://billing.example/account/credit" in page.text
    assert db.session.scalars(select(MailText)).all() == []


def test_words_saved_by_somebody_else_meanwhile_are_not_lost(admin: Browser) -> None:
    page = admin.open(TEXT)
    admin.submit(TEXT, form="Save", subject="Theirs", body="Theirs")

    answer = admin.submit(page, form="Save", subject="Mine", body="Mine")

    assert answer.status == 422
    assert answer.value("subject") == "Mine"
    db.session.rollback()
    assert db.session.get_one(MailText, "credit_received", populate_existing=True).subject == "Theirs"


def test_an_event_that_is_none_is_not_found(admin: Browser) -> None:
    assert admin.get(f"{PAGE}/test").status_code == 404
    assert admin.get(f"{PAGE}/nonsense").status_code == 404


def test_the_mails_of_a_customer_are_listed_and_read(browser: Browser) -> None:
    customer, other = make_customer(name="Ngozi Okafor"), make_customer()
    number = make_mail(customer, subject="<b>Credit</b> for you", text="Hello,\n\n<script>alert(1)</script>")
    foreign = make_mail(other)
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(f"/admin/users/{customer}/mails")

    assert page.rows("mail-list")[0][1:5] == [
        "Credit received",
        "<b>Credit</b> for you",
        "brigid@customer.example",
        "Sent",
    ]
    assert "<script>alert(1)</script>" in browser.open(f"/admin/users/{customer}/mails/{number}").text
    assert browser.get(f"/admin/users/{customer}/mails/{foreign}").status_code == 404


def test_nobody_here_sees_a_link_that_opens_an_account(admin: Browser) -> None:
    customer = make_customer()
    number = make_mail(
        customer, event="password_reset", status="waiting", text="Go here:\n\n{url}", url="https://x.example/s3cret"
    )

    page = admin.open(f"/admin/users/{customer}/mails/{number}")

    assert "s3cret" not in page.html
    assert "(the link, which nobody else may see)" in page.text


def test_a_failed_mail_is_sent_again(browser: Browser) -> None:
    customer = make_customer()
    number = make_mail(customer, status="failed", error="The server said 550 No such user", tries=1)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(f"/admin/users/{customer}/mails/{number}", form="Send again")

    assert page.flashes == ["The mail will be sent again. It waits for a mail server."]
    db.session.rollback()
    mail = db.session.get_one(Mail, number, populate_existing=True)
    assert (mail.status, mail.tries, mail.error) == ("waiting", 0, "")
    assert [details["after"] for details in audited("mail_sent_again")] == [{"mail": number}]


@pytest.mark.parametrize(("status", "event"), [("sent", "low_balance"), ("failed", "password_reset")])
def test_what_must_not_be_sent_again_has_no_button_and_is_refused(admin: Browser, status: str, event: str) -> None:
    customer = make_customer()
    number = make_mail(customer, status=status, event=event)
    token = admin.open("/admin/users/new").value("csrf_token")

    page = admin.post(f"/admin/users/{customer}/mails/{number}", {"csrf_token": token})

    assert page.status == 422
    assert "Send again" not in page.text
    db.session.rollback()
    assert db.session.get_one(Mail, number, populate_existing=True).status == status
