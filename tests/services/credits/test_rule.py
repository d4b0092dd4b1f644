"""The one rule of application, as a table: how much credit is used, and why not more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditapp.models import InvoiceKind, InvoiceStatus
from creditapp.services.credits.rule import Decision, Owed, Rules, Trigger, Why, decide

ON = Rules(
    credits_enabled=True,
    automatic_on_new=True,
    automatic_on_arrival=True,
    automatic_on_due=True,
    automatic_kinds="order,renewal,manual,clawback",
    full_cover_only=False,
    minimum_remainder_minor=0,
    return_grace_days=14,
)
OFF = replace(ON, automatic_on_new=False, automatic_on_arrival=False, automatic_on_due=False)
OWED = Owed(kind="renewal", status="unpaid", due_minor=4000, eligible_minor=4000, credit_minor=0, is_being_paid=False)
BY_ITSELF = (Trigger.NEW, Trigger.ARRIVAL, Trigger.DUE)
BY_SOMEBODY = (Trigger.HAND, Trigger.CHECKOUT)


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize(
    ("usable_minor", "amount_minor", "why"),
    [
        (5000, 4000, ()),
        (4000, 4000, ()),
        (3999, 3999, (Why.BALANCE,)),
        (2500, 2500, (Why.BALANCE,)),
        (1, 1, (Why.BALANCE,)),
        (0, 0, (Why.NOTHING_USABLE,)),
    ],
)
def test_full_part_or_none(trigger: Trigger, usable_minor: int, amount_minor: int, why: tuple[Why, ...]) -> None:
    decision = decide(ON, OWED, usable_minor, trigger=trigger)

    assert decision == Decision(amount_minor, 4000, usable_minor, why)


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize(
    ("rules", "owed", "is_frozen", "why"),
    [
        (replace(ON, credits_enabled=False), OWED, False, Why.DISABLED),
        (ON, OWED, True, Why.FROZEN),
        (ON, OWED._replace(is_being_paid=True), False, Why.PAYING),
        (ON, OWED._replace(kind="add_funds"), False, Why.ADD_FUNDS),
        (replace(ON, automatic_kinds="add_funds"), OWED._replace(kind="add_funds"), False, Why.ADD_FUNDS),
        *(
            (ON, OWED._replace(status=str(s), due_minor=0), False, Why.NOT_OPEN)
            for s in set(InvoiceStatus) - {"unpaid"}
        ),
    ],
)
@pytest.mark.parametrize("override", [None, True, False])
def test_what_stands_in_the_way_however_credit_is_used(
    trigger: Trigger, rules: Rules, owed: Owed, is_frozen: bool, why: Why, override: bool | None
) -> None:
    decision = decide(rules, owed, 9000, trigger=trigger, is_frozen=is_frozen, override=override)

    assert (decision.amount_minor, decision.why) == (0, (why,))


@pytest.mark.parametrize("trigger", BY_ITSELF)
@pytest.mark.parametrize(
    ("rules", "override", "why"),
    [
        (ON, None, None),
        (ON, True, None),
        (ON, False, Why.CUSTOMER),
        (OFF, None, Why.SWITCHED_OFF),
        (OFF, True, None),
        (OFF, False, Why.CUSTOMER),
    ],
)
def test_the_customers_own_yes_or_no_stands_above_the_switches(
    trigger: Trigger, rules: Rules, override: bool | None, why: Why | None
) -> None:
    decision = decide(rules, OWED, 9000, trigger=trigger, override=override)

    assert decision == Decision(0 if why else 4000, 4000, 9000, (why,) if why else ())


@pytest.mark.parametrize(
    ("rules", "trigger"),
    [
        (replace(OFF, automatic_on_new=True), Trigger.NEW),
        (replace(OFF, automatic_on_arrival=True), Trigger.ARRIVAL),
        (replace(OFF, automatic_on_due=True), Trigger.DUE),
    ],
)
def test_each_switch_is_about_its_own_moment(rules: Rules, trigger: Trigger) -> None:
    used = {one for one in BY_ITSELF if decide(rules, OWED, 9000, trigger=one).amount_minor}

    assert used == {trigger}


@pytest.mark.parametrize("kind", set(InvoiceKind) - {InvoiceKind.ADD_FUNDS})
def test_each_kind_has_its_own_yes_or_no(kind: InvoiceKind) -> None:
    owed = OWED._replace(kind=str(kind))
    others = ",".join(sorted(set(InvoiceKind) - {kind, InvoiceKind.ADD_FUNDS}))

    assert decide(replace(ON, automatic_kinds=str(kind)), owed, 9000, trigger=Trigger.NEW).amount_minor == 4000
    assert decide(replace(ON, automatic_kinds=others), owed, 9000, trigger=Trigger.NEW).why == (Why.KIND,)
    assert decide(replace(ON, automatic_kinds=""), owed, 9000, trigger=Trigger.NEW).why == (Why.KIND,)


@pytest.mark.parametrize(
    ("eligible_minor", "credit_minor", "due_minor", "usable_minor", "amount_minor", "why"),
    [
        (0, 0, 4000, 9000, 0, (Why.PRODUCT,)),
        (1500, 0, 4000, 9000, 1500, (Why.PRODUCT,)),
        (1500, 0, 4000, 1000, 1000, (Why.PRODUCT, Why.BALANCE)),
        (1500, 500, 3500, 9000, 1000, (Why.PRODUCT,)),
        (1500, 1500, 2500, 9000, 0, (Why.PRODUCT,)),
        (1500, 2000, 2000, 9000, 0, (Why.PRODUCT,)),  # by hand there is more on it than the rule would put
        (3000, 0, 1000, 9000, 1000, ()),  # money has paid the rest
    ],
)
def test_only_what_products_allow_is_paid_by_itself(
    eligible_minor: int, credit_minor: int, due_minor: int, usable_minor: int, amount_minor: int, why: tuple[Why, ...]
) -> None:
    owed = OWED._replace(eligible_minor=eligible_minor, credit_minor=credit_minor, due_minor=due_minor)

    assert decide(ON, owed, usable_minor, trigger=Trigger.NEW) == Decision(amount_minor, due_minor, usable_minor, why)


@pytest.mark.parametrize(
    ("minimum_minor", "usable_minor", "amount_minor", "why"),
    [
        (100, 4000, 4000, ()),
        (100, 3999, 3900, (Why.BALANCE, Why.REMAINDER)),
        (100, 3901, 3900, (Why.BALANCE, Why.REMAINDER)),
        (100, 3900, 3900, (Why.BALANCE,)),
        (100, 50, 50, (Why.BALANCE,)),
        (4000, 3999, 0, (Why.BALANCE, Why.REMAINDER)),
        (4001, 3999, 0, (Why.BALANCE, Why.REMAINDER)),
        (4001, 4000, 4000, ()),
        (10**11, 1, 0, (Why.BALANCE, Why.REMAINDER)),
    ],
)
def test_no_remainder_is_left_that_is_too_small(
    minimum_minor: int, usable_minor: int, amount_minor: int, why: tuple[Why, ...]
) -> None:
    rules = replace(ON, minimum_remainder_minor=minimum_minor)

    assert decide(rules, OWED, usable_minor, trigger=Trigger.NEW) == Decision(amount_minor, 4000, usable_minor, why)


@pytest.mark.parametrize(
    ("eligible_minor", "usable_minor", "amount_minor", "why"),
    [
        (4000, 4000, 4000, ()),
        (4000, 3999, 0, (Why.BALANCE, Why.FULL_COVER)),
        (3999, 9000, 0, (Why.PRODUCT, Why.FULL_COVER)),
        (3999, 100, 0, (Why.PRODUCT, Why.BALANCE, Why.FULL_COVER)),
    ],
)
def test_all_or_nothing_where_that_is_asked_for(
    eligible_minor: int, usable_minor: int, amount_minor: int, why: tuple[Why, ...]
) -> None:
    rules, owed = replace(ON, full_cover_only=True), OWED._replace(eligible_minor=eligible_minor)

    assert decide(rules, owed, usable_minor, trigger=Trigger.DUE) == Decision(amount_minor, 4000, usable_minor, why)


@pytest.mark.parametrize("trigger", BY_SOMEBODY)
def test_the_automatic_rules_do_not_bind_who_does_it_by_hand(trigger: Trigger) -> None:
    rules = replace(OFF, automatic_kinds="", full_cover_only=True, minimum_remainder_minor=1000)
    owed = OWED._replace(eligible_minor=0)

    decision = decide(rules, owed, 3999, trigger=trigger, override=False)

    assert decision == Decision(3999, 4000, 3999, (Why.BALANCE,))


YES = st.booleans()
MINOR = st.integers(0, 60)


@given(
    rules=st.builds(
        Rules,
        credits_enabled=YES,
        automatic_on_new=YES,
        automatic_on_arrival=YES,
        automatic_on_due=YES,
        automatic_kinds=st.sampled_from(["", "renewal", "order,renewal"]),
        full_cover_only=YES,
        minimum_remainder_minor=st.integers(0, 20),
        return_grace_days=st.just(14),
    ),
    owed=st.builds(
        Owed,
        kind=st.sampled_from(InvoiceKind).map(str),
        status=st.sampled_from(InvoiceStatus).map(str),
        due_minor=st.integers(1, 50),
        eligible_minor=MINOR,
        credit_minor=MINOR,
        is_being_paid=YES,
    ),
    usable_minor=MINOR,
    trigger=st.sampled_from(Trigger),
    is_frozen=YES,
    override=st.none() | YES,
)
def test_never_more_than_usable_or_due_and_never_less_without_saying_why(
    rules: Rules, owed: Owed, usable_minor: int, trigger: Trigger, is_frozen: bool, override: bool | None
) -> None:
    decision = decide(rules, owed, usable_minor, trigger=trigger, is_frozen=is_frozen, override=override)

    rest_minor = owed.due_minor - decision.amount_minor
    assert 0 <= decision.amount_minor <= min(usable_minor, owed.due_minor)
    assert bool(decision.why) == (rest_minor > 0)
    if decision.amount_minor and trigger in BY_ITSELF:
        assert decision.amount_minor + owed.credit_minor <= owed.eligible_minor
        assert not 0 < rest_minor < rules.minimum_remainder_minor
        assert rest_minor == 0 or not rules.full_cover_only
