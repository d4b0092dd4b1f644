from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.browser import Browser
from tests.factories import (
    balance_of,
    change_settings,
    give,
    limit_role,
    make_customer,
    make_reason,
    make_staff,
    moment,
    reason_named,
)

TOO_LONG = "Enter an amount of at most $1,000,000,000.00."
DIGITS = "Enter the amount in digits, like 12.50."
BAD_AMOUNTS = {
    "": "Enter an amount.",
    " ": "Enter an amount.",
    "0": "Enter an amount other than zero.",
    "-0": "Enter an amount other than zero.",
    "−0.00": "Enter an amount other than zero.",
    "NaN": DIGITS,
    "sNaN": DIGITS,
    "Infinity": DIGITS,
    "1e5": DIGITS,
    "1_000": DIGITS,
    "١٢": DIGITS,
    "$5": DIGITS,
    "--5": DIGITS,
    "0x10": DIGITS,
    "1 000": DIGITS,
    "5\x00": DIGITS,
    "1.999": "USD has 2 decimals: write no more, like 12.50.",
    "1,50": "Write the amount without commas, with a point for decimals: 12.50.",
    "99999999999": TOO_LONG,
    "9" * 5000: TOO_LONG,
}


def detail(customer: int) -> str:
    return f"/admin/users/{customer}"


@pytest.mark.money
def test_a_positive_amount_adds_at_once(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff(Role.MANAGER, name="Marek Novák"))

    page = browser.submit(detail(customer), form="Apply", amount="12.50", note="Ticket 88213:\nslow migration")

    assert page.path == detail(customer)
    assert page.flashes == [f"+$12.50 added. Brigid Nolan now has $22.50. CR-{customer}-2"]
    newest = page.rows("history")[0]
    assert newest[1] == "Courtesy"
    assert newest[2].startswith("Credit Added Ticket 88213: slow migration")
    assert newest[3:] == ["Marek Novák", "+$12.50", "$22.50", f"CR-{customer}-2"]
    assert balance_of(customer) == 2250


def test_the_button_gives_the_sign_and_a_written_one_wins(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    form = browser.open(detail(customer))
    change_settings(duplicate_window_days=0)

    for direction, amount, change_minor in (
        ("add", " 4.5 ", 450),
        ("add", "+4", 400),
        ("add", "-4", -400),
        ("add", "−4", -400),
        ("remove", "4", -400),
        ("remove", "-4", -400),
        ("remove", "+4", 400),
    ):
        before_minor = balance_of(customer)
        form = browser.submit(form, form="Apply", direction=direction, amount=amount)
        assert balance_of(customer) - before_minor == change_minor, (direction, amount)


@pytest.mark.parametrize(
    ("direction", "amount", "shown", "said"),
    [
        ("add", "-9", "remove", "Taken as removed, for its minus."),
        ("add", "−9", "remove", "Taken as removed, for its minus."),
        ("remove", "-9", "remove", "With a minus it removes, whatever is chosen above."),
        ("remove", "9", "remove", "With a minus it removes, whatever is chosen above."),
        ("remove", "+9999999999", "add", "Taken as added, for its plus."),
    ],
)
def test_a_refused_form_shows_what_its_amount_was_taken_for(
    browser: Browser, direction: str, amount: str, shown: str, said: str
) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", direction=direction, amount=amount)

    assert page.status == 422
    assert (page.value("direction"), page.value("amount")) == (shown, amount)
    assert page.words("amount-hint").startswith(said)


def test_the_amount_that_fits_is_offered_below_the_refusal(browser: Browser) -> None:
    customer = make_customer(3100)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="-500")

    [error] = page.errors("amount")
    assert page.text.index(error) < page.text.index("Remove $31.00")


def test_without_a_choice_the_reason_follows_the_sign(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())

    added = browser.submit(detail(customer), form="Apply", amount="5")
    removed = browser.submit(added, form="Apply", amount="-2")

    assert [row[1] for row in removed.rows("history")] == ["Entered by mistake", "Courtesy"]


def test_the_customers_line_is_the_reasons_unless_another_is_written(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    reason = reason_named("Downtime")

    page = browser.submit(detail(customer), form="Apply", amount="5", reason=reason)
    page = browser.submit(page, form="Apply", amount="6", reason=reason, customer_note="Sorry!", ticket="T-1")

    assert "Customer reads: Sorry! · Ticket T-1" in page.rows("history")[0][2]
    assert "Customer reads: Credit for downtime" in page.rows("history")[1][2]


def test_an_amount_that_makes_no_sense_is_explained_beside_the_box(browser: Browser) -> None:
    customer = make_customer(500)
    browser.sign_in(make_staff())
    page = browser.open(detail(customer))

    for amount, sentence in BAD_AMOUNTS.items():
        page = browser.submit(page, form="Apply", amount=amount, note="Why", ticket="T-9")

        assert page.status == 422, amount
        assert page.errors("amount") == [sentence], amount
        assert page.summary == page.errors("amount")
        assert page.title.startswith("Error: ")
        assert (page.value("note"), page.value("ticket")) == ("Why", "T-9")
        assert page.value("amount") == amount.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert balance_of(customer) == 500


def test_a_debit_beyond_the_balance_is_explained_beside_the_amount(browser: Browser) -> None:
    customer = make_customer(credit_minor=500)
    browser.sign_in(make_staff(Role.MANAGER))

    page = browser.submit(detail(customer), form="Apply", amount="-9", note="Billed twice")

    assert page.status == 422
    assert page.errors("amount") == ["The balance is $5.00: at most that can be removed, not $9.00."]
    assert page.value("amount") == "-9"
    assert page.value("note") == "Billed twice"
    assert "Remove $5.00" in page.buttons
    assert 'data-fill="-5.00"' in page.html


def test_nothing_to_remove_offers_nothing_to_fill_in(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="-9")

    assert page.errors("amount") == ["The balance is $0.00: there is nothing to remove."]
    assert "data-fill=" not in page.html


def test_a_balance_has_a_largest_value(browser: Browser) -> None:
    customer = make_customer()
    for _ in range(10):
        give(customer, 99_999_999_999)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="1000000000")

    assert page.errors("amount") == ["A balance can be at most $10,000,000,000.00: add at most $0.10."]
    assert "Add $0.10" in page.buttons


def test_the_limit_of_a_role_is_shown_and_kept(browser: Browser) -> None:
    customer = make_customer(900)
    limit_role(Role.AGENT, add_max_minor=5000, remove_max_minor=300)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(detail(customer), form="Apply", amount="50.01")

    assert "You can add up to $50.00 and remove up to $3.00 at once." in page.words("amount-hint")
    assert page.errors("amount") == [
        "Your limit is $50.00 per entry: support agents may not add more than that at once."
    ]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"add_max_minor": 5000, "remove_max_minor": 300}, "You can add up to $50.00 and remove up to $3.00 at once."),
        ({"add_max_minor": 5000}, "You can add up to $50.00 at once."),
        ({"remove_max_minor": 300}, "You can remove up to $3.00 at once."),
    ],
)
def test_a_limit_is_said_beside_the_amount_before_anything_is_sent(
    browser: Browser, limits: dict[str, int], words: str
) -> None:
    customer = make_customer(900)
    limit_role(Role.MANAGER, **limits)
    browser.sign_in(make_staff(Role.MANAGER))

    assert words in browser.open(detail(customer)).words("amount-hint")
    assert browser.open(f"{detail(customer)}/credit/balance").words("target-hint") == words
    assert words in browser.open(f"{detail(customer)}/credit/1/reversal").words("amount-hint")


def test_without_a_limit_none_is_spoken_of(browser: Browser) -> None:
    customer = make_customer(900)
    browser.sign_in(make_staff(Role.MANAGER))

    assert "at once" not in browser.open(detail(customer)).text
    assert browser.open(f"{detail(customer)}/credit/balance").find("target-hint") is None


def test_a_reason_may_ask_for_a_note(browser: Browser) -> None:
    customer = make_customer()
    always = make_reason("Goodwill", note_required=True)
    above = make_reason("Large goodwill", note_above_minor=1000)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="5", reason=always)
    assert page.errors("note") == ["Write a note: “Goodwill” asks for one."]
    assert page.value("reason") == str(always)

    page = browser.submit(page, form="Apply", amount="10.01", reason=above)
    assert page.errors("note") == ["Write a note: “Large goodwill” asks for one above $10.00."]

    page = browser.submit(page, form="Apply", note="Long outage")
    assert page.status == 200
    assert balance_of(customer) == 1001


def test_a_reason_from_no_list_is_refused(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    form = browser.open(detail(customer))

    for reason in ("999", "x", "-1", "9" * 40, "٣"):
        page = browser.submit(form, form="Apply", amount="5", reason=reason)

        assert page.status == 422
        assert page.errors("reason") == ["Choose a reason from the list."]


def test_a_reason_for_the_other_direction_is_refused(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="-5", reason=reason_named("Courtesy"))

    assert page.errors("reason") == ["The reason “Courtesy” is only for adding credit; choose another."]


def test_a_repeat_is_warned_of_and_may_be_meant(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff(name="Dana Ruiz"))
    page = browser.submit(detail(customer), form="Apply", amount="14.99", note="INC-2291")

    page = browser.submit(page, form="Apply", amount="14.99", note="INC-2291 again")

    reference = f"CR-{customer}-1"
    assert page.status == 422
    assert page.errors("repeat_ok") == [
        (
            f"This looks like a repeat: {reference} of the same amount ($14.99, by Dana Ruiz) "
            "was posted in the last 7 days."
        )
    ]
    assert page.link(reference) == f"{detail(customer)}/credit/1"
    assert page.value("note") == "INC-2291 again"

    page = browser.submit(page, form="Apply", repeat_ok=True)
    assert page.flashes[0].startswith("+$14.99 added.")
    assert balance_of(customer) == 2998


@pytest.mark.money
def test_a_double_click_posts_once(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    form = browser.open(detail(customer))

    first = browser.submit(form, form="Apply", amount="5", note="Once")
    second = browser.submit(form, form="Apply", amount="5", note="Once")

    assert first.flashes[0].startswith("+$5.00 added.")
    assert second.flashes[0].startswith("+$5.00 had been saved already; nothing was posted twice.")
    assert balance_of(customer) == 500


def test_going_back_and_changing_what_was_sent_is_no_second_click(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    form = browser.open(detail(customer))
    browser.submit(form, form="Apply", amount="5")

    page = browser.submit(form, form="Apply", amount="7")

    assert page.status == 409
    assert page.summary[0].startswith(f"This form was already sent once with other content (CR-{customer}-1).")
    assert page.value("amount") == "7"
    assert balance_of(customer) == 500
    browser.submit(page, form="Apply")
    assert balance_of(customer) == 1200


def test_the_notice_reverses_with_one_click(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    page = browser.submit(detail(customer), form="Apply", amount="500")

    page = browser.submit(page, form="Reverse")

    assert page.path == detail(customer)
    assert page.flashes == [f"CR-{customer}-2 reversed: −$500.00 removed. Brigid Nolan now has $10.00. CR-{customer}-3"]
    assert "Reversed by" in page.rows("history")[1][2]


def test_disabled_credits_are_said_near_the_form_and_adjusting_goes_on(browser: Browser) -> None:
    customer = make_customer(1000)
    change_settings(credits_enabled=False)
    browser.sign_in(make_staff())

    page = browser.submit(detail(customer), form="Apply", amount="5")

    assert "Credits are disabled. What you add is kept, and can be used once they are enabled again." in page.text
    assert balance_of(customer) == 1500


def test_an_auditor_sees_the_history_and_no_form(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(detail(customer))

    assert "Credits" not in page.headings
    assert page.headings == ["Credit balance", "Credit history", "Subscriptions", "Invoices", "Payments"]
    assert not {"Apply", "Edit", "Set balance"} & {*page.buttons, *page.links}
    assert browser.post(f"{detail(customer)}/credit", {"amount": "5"}).status == 403
    assert balance_of(customer) == 1000


def test_setting_a_balance_posts_the_difference(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff(Role.MANAGER))
    page = browser.open(browser.open(detail(customer)).link("Set balance"))

    page = browser.submit(page, target="64.10", reason=reason_named("Balance correction"), note="As in the books")

    newest = page.rows("history")[0]
    assert newest[1] == "Balance correction"
    assert newest[2].startswith("Balance Correction Quiet As in the books")
    assert newest[4:6] == ["+$54.10", "$64.10"]


def test_setting_a_balance_that_moved_shows_the_new_one_and_asks_again(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff(Role.MANAGER))
    page = browser.open(f"{detail(customer)}/credit/balance")
    give(customer, 500)

    page = browser.submit(page, target="20", note="Books")

    assert page.status == 422
    assert page.errors("target") == [
        (
            "The balance was $10.00 when this form was opened and is now $15.00. "
            "Nothing was saved; check the amount and send it again."
        )
    ]
    assert page.value("note") == "Books"
    assert balance_of(customer) == 1500
    browser.submit(page)
    assert balance_of(customer) == 2000


def test_a_target_that_makes_no_sense_is_refused(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    page = browser.open(f"{detail(customer)}/credit/balance")

    for target, sentence in [*BAD_AMOUNTS.items(), ("-5", "Enter an amount without a minus.")]:
        page = browser.submit(page, target=target)

        is_zero = "zero" in sentence
        assert page.status == 422
        assert page.errors("target") == [
            "The balance is already $0.00: there is nothing to correct." if is_zero else sentence
        ]


def test_a_form_that_lost_its_balance_saves_nothing(browser: Browser) -> None:
    customer = make_customer(700)
    browser.sign_in(make_staff())
    form = browser.open(f"{detail(customer)}/credit/balance")

    for seen in ("", "x", "-1", "1.5", "9" * 30, "١٢"):
        page = browser.submit(form, target="5", seen=seen)

        assert page.status == 422
        assert page.summary == ["This form has lost the balance it was opened with. Nothing was saved; open it anew."]
    assert balance_of(customer) == 700


def test_an_agent_may_not_set_a_balance(browser: Browser) -> None:
    customer = make_customer(700)
    browser.sign_in(make_staff(Role.AGENT))

    assert "Set balance" not in browser.open(detail(customer)).links
    assert browser.open(f"{detail(customer)}/credit/balance").status == 403


def test_usable_and_expired_are_told_apart(browser: Browser) -> None:
    customer = make_customer(5000, at=moment("2025-01-01 11:00"))
    give(customer, 1000, reason_id=make_reason("Short", expires_after_days=1), at=moment("2025-01-01 12:00"))
    browser.sign_in(make_staff())

    page = browser.open(detail(customer))

    assert "$60.00 $50.00 usable; $10.00 expired" in page.text
    refused = browser.submit(page, form="Apply", amount="-55")
    assert refused.errors("amount") == [
        (
            "The balance is $60.00, but only $50.00 of it is usable (the rest has expired): "
            "at most that can be removed, not $55.00."
        )
    ]
