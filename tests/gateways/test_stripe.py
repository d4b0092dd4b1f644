"""Stripe through its official SDK, against its far end on loopback: start, pay, call-back, refund, dispute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from creditapp.gateways import Asked, GatewayError, RefusedError, SignatureError, Told, ToldKind
from creditapp.gateways.stripe import StripeGateway
from creditapp.gateways.stripe_amounts import from_stripe, to_stripe
from tests.stripe_far_end import KEY, WEBHOOK_SECRET, FarEnd, Thing, far_end, signed


@pytest.fixture
def end() -> Iterator[FarEnd]:
    with far_end() as running:
        yield running


@pytest.fixture
def gateway(end: FarEnd) -> StripeGateway:
    return gateway_at(end)


def gateway_at(end: FarEnd, **given: Any) -> StripeGateway:  # noqa: ANN401  (what the gateway is made of)
    terms: dict[str, Any] = {
        "secret_key": KEY,
        "webhook_secret": WEBHOOK_SECRET,
        "installation": "panel-1",
        "retries": 0,
    } | given
    return StripeGateway(**terms, account=end.account, api_url=end.url)


def asked(reference: str = "12-7", **given: Any) -> Asked:  # noqa: ANN401  (fields of `Asked`)
    terms: dict[str, Any] = {
        "reference": reference,
        "amount_minor": 2000,
        "currency": "USD",
        "exponent": 2,
        "description": "Invoice #1234",
        "return_url": "https://panel.example/account/invoices/1234",
        "cancel_url": "https://panel.example/account/invoices/1234",
        "callback_url": "https://panel.example/webhooks/stripe",
        "email": "brigid@customer.example",
    } | given
    return Asked(**terms)


def heard(gateway: StripeGateway, event: Thing) -> Told:
    """Return what the gateway makes of an event that Stripe posts."""
    body = json.dumps(event).encode()
    [told] = gateway.read_event(body, signed(body), datetime.now(UTC))
    return told


def said(told: Told) -> tuple[str, int, int, int, str]:
    return told.kind, told.amount_minor, told.refunded_minor, told.disputed_minor, told.currency


def test_a_page_is_made_once_for_a_reference_and_says_whose_payment_it_is(end: FarEnd, gateway: StripeGateway) -> None:
    first, second = gateway.start(asked()), gateway.start(asked())

    [session] = end.sessions.values()
    assert first == second
    assert (first.session_ref, first.page_url) == (session["id"], session["url"])
    assert (session["amount_total"], session["currency"]) == (2000, "usd")
    assert session["metadata"] == session["intent_data"]["metadata"] == {"reference": "12-7", "installation": "panel-1"}
    with pytest.raises(RefusedError, match="same parameters"):
        gateway.start(asked(amount_minor=2100))


def test_a_payment_is_told_by_several_events_under_one_name(end: FarEnd, gateway: StripeGateway) -> None:
    session = gateway.start(asked()).session_ref
    intent = end.pay(session)["id"]

    told = [heard(gateway, one) for one in end.told("payment_intent.succeeded", "checkout.session.completed")]

    assert [said(one) for one in told] == [("captured", 2000, 0, 0, "USD")] * 2
    assert {(one.capture_ref, one.reference) for one in told} == {(intent, "12-7")}
    assert len({one.event_id for one in told}) == 2
    assert heard(gateway, end.told("charge.succeeded")[0]).kind == ToldKind.OTHER


def test_money_that_takes_days_is_pending_until_it_comes_or_does_not(end: FarEnd, gateway: StripeGateway) -> None:
    comes, fails = (gateway.start(asked(f"1-{number}")).session_ref for number in range(2))
    for session in (comes, fails):
        end.pay(session, later=True)
    end.arrive(comes)
    end.arrive(fails, fails=True)

    kinds = {one["type"]: heard(gateway, one).kind for one in end.events}

    assert kinds == {
        "payment_intent.processing": "pending",
        "checkout.session.completed": "pending",
        "payment_intent.succeeded": "captured",
        "checkout.session.async_payment_succeeded": "captured",
        "checkout.session.async_payment_failed": "failed",
    }


def test_a_decline_and_a_page_whose_time_ran_out_are_failures_in_words(end: FarEnd, gateway: StripeGateway) -> None:
    session = gateway.start(asked()).session_ref
    end.decline(session)
    end.run_out(session)

    told = [heard(gateway, one) for one in end.events]

    assert [(one.kind, one.failure, one.reference) for one in told] == [
        ("failed", "Your card was declined.", "12-7"),
        ("failed", "The page’s time ran out.", "12-7"),
    ]


def test_a_refund_is_sent_once_and_never_beyond_what_was_paid(end: FarEnd, gateway: StripeGateway) -> None:
    intent = end.pay(gateway.start(asked()).session_ref)["id"]

    first = gateway.refund(intent, 500, "USD", key="refund-1-1")
    again = gateway.refund(intent, 500, "USD", key="refund-1-1")
    with pytest.raises(RefusedError, match="greater than unrefunded"):
        gateway.refund(intent, 1501, "USD", key="refund-1-2")

    assert (first, first.is_done, len(end.refunds)) == (again, True, 1)
    assert said(heard(gateway, end.told("charge.refunded")[-1])) == ("refunded", 2000, 500, 0, "USD")


def test_a_refund_whose_answer_got_lost_is_found_even_when_stripe_has_forgotten_its_key(
    end: FarEnd, gateway: StripeGateway
) -> None:
    intent = end.pay(gateway.start(asked()).session_ref)["id"]
    end.fails = 1
    with pytest.raises(GatewayError, match="could not do it now"):
        gateway.refund(intent, 500, "USD", key="refund-1-1")
    end.keys.clear()

    found = gateway.refund(intent, 500, "USD", key="refund-1-1")

    assert list(end.refunds) == [found.refund_ref]


def test_a_refund_that_the_bank_sends_back_says_so(end: FarEnd, gateway: StripeGateway) -> None:
    intent = end.pay(gateway.start(asked()).session_ref)["id"]
    end.refunds_pend = True
    pending = gateway.refund(intent, 500, "USD", key="refund-1-1")
    end.refunds_pend = False
    gateway.refund(intent, 200, "USD", key="refund-1-2")
    end.fail_refund(pending.refund_ref)

    told = heard(gateway, end.told("refund.failed")[0])

    assert not pending.is_done
    assert (told.kind, told.refund_ref, told.capture_ref) == ("refund_failed", pending.refund_ref, intent)
    assert (told.refunded_minor, told.failure) == (200, "Stripe could not send it: expired or canceled card.")
    with pytest.raises(RefusedError, match="expired or canceled card"):
        gateway.refund(intent, 500, "USD", key="refund-1-1")


@pytest.mark.parametrize(
    ("opened", "closed", "words"),
    [
        ("needs_response", "won", [("disputed", 900)] * 2 + [("dispute_closed", 0)] * 2),
        ("needs_response", "lost", [("disputed", 900)] * 2 + [("dispute_closed", 900)]),
        ("warning_needs_response", "warning_closed", [("other", 0), ("dispute_closed", 0)]),
    ],
)
def test_a_dispute_says_how_much_the_bank_has_taken(
    end: FarEnd, gateway: StripeGateway, opened: str, closed: str, words: list[tuple[str, int]]
) -> None:
    intent = end.pay(gateway.start(asked()).session_ref)["id"]
    end.events.clear()
    end.close_dispute(end.dispute(intent, 900, status=opened), closed)

    told = [heard(gateway, one) for one in end.events]

    assert [(one.kind, one.disputed_minor) for one in told] == words
    assert {one.capture_ref for one in told if one.kind != ToldKind.OTHER} == {intent}


def test_two_disputes_over_the_same_amount_are_told_apart(end: FarEnd, gateway: StripeGateway) -> None:
    session = gateway.start(asked()).session_ref
    intent = end.pay(session)["id"]
    disputes = {end.dispute(intent, 900), end.dispute(intent, 900)}

    events = [heard(gateway, one) for one in end.told("charge.dispute.created")]
    fetched = [one for one in gateway.fetch(session) if one.kind == ToldKind.DISPUTED]

    assert {one.dispute_ref for one in fetched} == disputes
    assert events[0].dispute_ref in disputes
    assert len({one.event_id for one in fetched}) == 2


def test_a_payment_whose_call_backs_got_lost_is_asked_for(end: FarEnd, gateway: StripeGateway) -> None:
    session = gateway.start(asked()).session_ref
    assert list(gateway.fetch(session)) == []
    intent = end.pay(session)["id"]
    gateway.refund(intent, 500, "USD", key="refund-1-1")
    end.dispute(intent, 900)

    told, again = gateway.fetch(session), gateway.fetch(session)

    assert [said(one) for one in told] == [
        ("captured", 2000, 0, 0, "USD"),
        ("refunded", 2000, 500, 0, "USD"),
        ("disputed", 0, 0, 900, "USD"),
    ]
    assert [one.event_id for one in told] == [one.event_id for one in again]
    assert {(one.capture_ref, one.merchant) for one in told} == {(intent, "")}


def test_a_page_is_given_up_unless_somebody_has_paid(end: FarEnd, gateway: StripeGateway) -> None:
    open_page, paid = (gateway.start(asked(f"1-{number}")).session_ref for number in range(2))
    end.pay(paid)

    assert [gateway.give_up(one) for one in (open_page, open_page, paid)] == [True, True, False]


def test_only_what_stripe_has_signed_lately_is_read(end: FarEnd, gateway: StripeGateway) -> None:
    end.pay(gateway.start(asked()).session_ref)
    body = json.dumps(end.events[0]).encode()
    now = datetime.now(UTC)
    forged = [
        {},
        {"Stripe-Signature": ""},
        {"Stripe-Signature": "t=,v1="},
        {"Stripe-Signature": "t=1e9,v1=é"},
        {"Stripe-Signature": f"t={'9' * 5000},v1=0"},
        signed(body, secret="whsec_other"),
        signed(body, age_seconds=301),
        signed(body, age_seconds=-400),
        signed(body + b" "),
    ]

    for headers in forged:
        with pytest.raises(SignatureError):
            gateway.read_event(body, headers, now)
    with pytest.raises(SignatureError):
        gateway.read_event(b"\xff" + body, signed(body), now)
    with pytest.raises(SignatureError):
        gateway.read_event(body, signed(body), now + timedelta(seconds=302))
    with pytest.raises(SignatureError):
        gateway_at(end, webhook_secret=" ").read_event(body, signed(body, secret=""), now)

    assert gateway.read_event(body, {"STRIPE-SIGNATURE": signed(body, age_seconds=290)["Stripe-Signature"]}, now)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"id":"e","type":"payment_intent.succeeded","created":1}',
        '{"id":"e","type":"payment_intent.succeeded","created":"x","data":{"object":{}}}',
        '{"id":"e","type":"payment_intent.succeeded","created":1e400,"data":{"object":{}}}',
        '{"id":"e","type":"charge.refunded","created":1,"data":{"object":{"currency":"usd","amount_refunded":-5}}}',
        (
            '{"id":"e","type":"payment_intent.succeeded","created":1,'
            '"data":{"object":{"id":"pi_1","currency":"xyz","amount_received":5}}}'
        ),
        '{"id":"e","type":"payment_intent.succeeded","created":99999999999999,"data":{"object":{"id":"pi_1"}}}',
    ],
)
def test_what_is_signed_and_makes_no_sense_is_refused(gateway: StripeGateway, body: str) -> None:
    sent = body.encode()

    with pytest.raises(GatewayError):
        gateway.read_event(sent, signed(sent), datetime.now(UTC))


def test_what_another_panel_or_account_was_paid_is_nothing_of_ours(end: FarEnd, gateway: StripeGateway) -> None:
    end.pay(gateway_at(end, installation="panel-2").start(asked()).session_ref)
    foreign = [heard(gateway, one).kind for one in end.events]
    ours = {**end.events[0], "account": "acct_other"}
    connected = heard(gateway_at(FarEnd(account="acct_1"), installation="panel-2"), ours)

    assert set(foreign) == {ToldKind.OTHER}
    assert heard(gateway_at(end, installation="panel-2"), ours).kind == ToldKind.OTHER
    assert (connected.kind, connected.merchant) == ("captured", "acct_other")


def test_a_connected_account_is_asked_and_told_by_its_name() -> None:
    with far_end("acct_1") as end:
        gateway = gateway_at(end)
        session = gateway.start(asked()).session_ref
        end.pay(session)

        told = [heard(gateway, end.told("payment_intent.succeeded")[0]), *gateway.fetch(session)]
        nameless = heard(gateway, {key: value for key, value in end.events[0].items() if key != "account"})

        assert {one.merchant for one in told} == {gateway.merchant} == {"acct_1"}
        assert nameless.merchant not in {"", "acct_1"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"secret_key": ""}, "STRIPE_SECRET_KEY is not set."),
        ({"webhook_secret": " "}, "STRIPE_WEBHOOK_SECRET is not set"),
        ({}, ""),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], words: str) -> None:
    gateway = gateway_at(FarEnd(), **given)

    assert gateway.problem.startswith(words)
    assert bool(gateway.problem) == bool(words)
    if words:
        with pytest.raises(GatewayError, match=words[:20]):
            gateway.start(asked())


def test_an_installation_without_the_sdk_runs_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    assert gateway_at(FarEnd()).problem.startswith("The extra “stripe” is not installed")


def test_no_error_holds_a_key(end: FarEnd) -> None:
    wrong = gateway_at(end, secret_key="sk_test_wrong_key")
    silent = StripeGateway(
        secret_key=KEY, webhook_secret=WEBHOOK_SECRET, installation="x", api_url="http://127.0.0.1:9", retries=0
    )

    for gateway, words in ((wrong, "does not accept"), (silent, "did not answer")):
        with pytest.raises(GatewayError, match=words) as refused:
            gateway.start(asked())
        assert "sk_test" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "minor", "stripes"),
    [
        ("USD", 1999, 1999),
        ("JPY", 500, 500),
        ("KRW", 500, 500),
        ("ISK", 500, 50_000),
        ("UGX", 500, 50_000),
        ("MGA", 500_00, 500),
        ("KWD", 5120, 5120),
    ],
)
def test_stripe_counts_some_currencies_otherwise(code: str, minor: int, stripes: int) -> None:
    assert (to_stripe(minor, code), from_stripe(stripes, code)) == (stripes, minor)


@pytest.mark.parametrize(("code", "minor"), [("KWD", 5121), ("MGA", 501)])
def test_what_stripe_cannot_take_exactly_is_refused_not_rounded(code: str, minor: int) -> None:
    with pytest.raises(RefusedError, match=f"no such fractions of {code}"):
        to_stripe(minor, code)
    with pytest.raises(RefusedError, match="no whole number of ours"):
        from_stripe(12_345, "ISK")
