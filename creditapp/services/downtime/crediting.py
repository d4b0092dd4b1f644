"""Crediting one subscription for downtime, for an incident or without one: reckoned, shown, and posted as shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from creditapp.db import now
from creditapp.errors import (
    AlreadyCreditedError,
    DowntimeAmountError,
    DowntimeTooLongError,
    IncidentError,
    IncidentNotFoundError,
    KeyReusedError,
    NamedInTitleError,
    PolicyError,
    ReasonError,
    SubscriptionNotFoundError,
)
from creditapp.models import CreditEntry, Cycle, Incident, Kind, Product, Reason, Setting, Subscription, downtime_key
from creditapp.queries import affected
from creditapp.queries.merged import absorbed, family_of
from creditapp.services import ledger
from creditapp.services.credits import repeats, rules
from creditapp.services.downtime import policies
from creditapp.services.downtime.durations import DAY, Duration
from creditapp.services.downtime.log_line import log_line
from creditapp.services.downtime.reckoning import Credit, Fee, credit_for, month_seconds
from creditapp.services.downtime.terms import Terms
from creditapp.services.ledger import Entry, Posting
from creditapp.services.personal_words import named_in, words_of
from creditapp.statements import run
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.ledger import Account, Panel
    from creditapp.statements import Outcome

REASON = "Downtime"
TITLE = "Outage"
"""What the log calls an outage of which nobody has said what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody wants to credit: which subscription was down, for how long, in the month of which day."""

    subscription_id: int
    policy_id: int
    duration: Duration
    on: date
    incident_id: int | None = None
    title: str = ""
    """What happened; an incident has a title of its own."""

    def content(self) -> tuple[Any, ...]:
        """Return what makes it the same request as another."""
        duration = (str(self.duration.seconds), str(self.duration.months))
        return (
            *(self.subscription_id, self.policy_id, *duration, self.on.isoformat()),
            *(self.incident_id, self.title),
        )


@dataclass(frozen=True, slots=True)
class Worth:
    """What it comes to, and all that its arithmetic is made of."""

    product: str
    terms: Terms
    fee: Fee
    credit: Credit
    down_seconds: int
    """As long as was asked for, whatever counts of it."""


def work_out(session: Session, customer_id: int, ask: Ask) -> Worth:
    """Return what the downtime is worth as things stand.

    Raises:
        SubscriptionNotFoundError: the customer has no such subscription.
        PolicyError: there is no such policy, or it has been switched off.
        DowntimeTooLongError: it is longer than the month it is measured against.
    """
    s, p, setting = Subscription, Product, Setting
    columns = (p.name, s.price_minor, s.cycle, p.tax_bp, setting.prices_include_tax, setting.time_zone)
    row = session.execute(
        select(*columns)
        .join(p, p.id == s.product_id)
        .join(setting, setting.id == 1)
        .where(s.customer_id == customer_id, s.id == ask.subscription_id)
    ).one_or_none()
    if row is None:
        raise SubscriptionNotFoundError(ask.subscription_id)
    policy = policies.find(session, ask.policy_id)
    if not policy.is_active:
        raise PolicyError(f"The policy “{policy.name}” has been switched off; choose another.", box="policy")
    terms = policies.terms_of(session, policy)
    whole = month_seconds(terms, ask.on, row.time_zone)
    down_seconds = ask.duration.in_seconds(whole)
    if down_seconds > whole:
        raise DowntimeTooLongError(days=whole // DAY)
    fee = Fee(row.price_minor, Cycle(row.cycle).months, row.tax_bp, row.prices_include_tax)
    credit = credit_for(terms, down_seconds, fee, on=ask.on, time_zone=row.time_zone)
    return Worth(row.name, terms, fee, credit, down_seconds)


def credit(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    ask: Ask,
    *,
    seen_minor: int | None,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
    ticket_ref: str = "",
    repeat_ok: bool = False,
) -> Entry:
    """Credit a subscription for downtime, and return the entry. `seen_minor` is the amount that the form showed.

    For an incident the entry bears the key of the incident's own batch: whichever comes first credits it, and the
    other one finds that out.

    Raises:
        DowntimeAmountError: it comes to another amount than the form showed, or to nothing.
        NamedInTitleError: the title says who the customer is.
        AlreadyCreditedError: the subscription has been credited for this incident.
        DowntimeRepeatedError: it was credited for downtime a short while ago, and `repeat_ok` is not set.
        IncidentNotFoundError, IncidentError: there is no such incident, or it has been dismissed.
        ReasonError, NoteRequiredError: the reason for downtime is switched off, or asks for a note.
        AuthorityLimitError, StaffDisabledError, OwnAccountError, BalanceLimitError: so much cannot be posted.
        KeyReusedError: the key has posted something else.
        What `work_out` raises.
    """
    incident = _incident(session, ask.incident_id)
    entry_key = downtime_key(incident.id, ask.subscription_id, incident.credit_round) if incident else key
    sent_as = key if incident else ""
    content = ("downtime", *ask.content(), note, customer_note, ticket_ref, by.kind, by.id, sent_as)
    account, panel, asked = _open(session, customer_id, ask, entry_key, content, incident=incident, by=by)
    if account.posted is not None:
        return account.posted
    if incident:
        _check_earlier_rounds(session, customer_id, ask.subscription_id, incident)
    worth = work_out(session, customer_id, ask)
    minor = worth.credit.amount_minor
    if minor == 0 or minor != seen_minor:
        raise DowntimeAmountError(amount_minor=minor, seen_minor=seen_minor)
    reason_id = incident.reason_id if incident and incident.reason_id else _reason(session)
    why = rules.check_reason(run(session, rules.reason_call(reason_id))[0], minor, note)
    rules.check_authority(asked[1:], minor, customer_id)
    if not repeat_ok:
        repeats.check_downtime(asked[:1], panel, now(session), customer_id)
    title = incident.title if incident else ask.title or TITLE
    if not incident and ask.title:
        _check_title(session, customer_id, title)
    posting = Posting(
        kind=Kind.DOWNTIME,
        amount_minor=minor,
        description=log_line(title, worth.down_seconds, worth.product, ask.subscription_id),
        by=by,
        key=entry_key,
        content=content,
        incident_id=ask.incident_id,
        subscription_id=ask.subscription_id,
        note=note,
        customer_note=customer_note or (incident.customer_note if incident else "") or why.customer_text,
        ticket_ref=ticket_ref,
        **why.terms(panel, now(session)),
    )
    return ledger.post(session, account, panel, posting)


def _open(
    session: Session,
    customer_id: int,
    ask: Ask,
    key: str,
    content: tuple[Any, ...],
    *,
    incident: Incident | None,
    by: Actor,
) -> tuple[Account, Panel, list[Outcome]]:
    calls = [*repeats.downtime_calls(customer_id, ask.subscription_id), *rules.authority_calls(by, customer_id)]
    try:
        return ledger.open_account(session, customer_id, key, content, *calls, debit=False)
    except KeyReusedError as error:
        if incident is None:
            raise
        raise AlreadyCreditedError(title=incident.title, reference=error.reference) from None


def _check_title(session: Session, customer_id: int, title: str) -> None:
    """Refuse to seal who the customer is: other than the note, the title is never erased."""
    word = named_in(title, words_of(session, family_of(session, customer_id)))
    if word is not None:
        raise NamedInTitleError(word)


def _incident(session: Session, incident_id: int | None) -> Incident | None:
    if incident_id is None:
        return None
    statement = select(Incident).where(Incident.id == incident_id).execution_options(populate_existing=True)
    incident = session.execute(statement).scalar_one_or_none()
    if incident is None:
        raise IncidentNotFoundError(incident_id)
    if incident.dismissed_at is not None:
        raise IncidentError("This incident has been dismissed; choose another, or none.", box="incident")
    return incident


def _check_earlier_rounds(session: Session, customer_id: int, subscription_id: int, incident: Incident) -> None:
    """Refuse where credit of an earlier round stands: what was taken back since was the incident's batch, not this."""
    e = CreditEntry
    keys = [downtime_key(incident.id, subscription_id, earlier) for earlier in range(1, incident.credit_round)]
    now_key = downtime_key(incident.id, subscription_id, incident.credit_round)
    its_own = or_(
        and_(e.customer_id == customer_id, e.key.in_(keys), affected.stands()),
        and_(e.customer_id.in_(absorbed(customer_id)), or_(e.key == now_key, and_(e.key.in_(keys), affected.stands()))),
    )
    found = session.execute(select(e.customer_id, e.seq).where(its_own).limit(1)).first()
    if found is not None:
        raise AlreadyCreditedError(title=incident.title, reference=ledger.reference(*found))


def _reason(session: Session) -> int:
    """Return the panel's reason for downtime."""
    row = session.execute(select(Reason.id).where(Reason.name_key == fold(REASON))).first()
    if row is None:
        raise ReasonError(f"There is no reason “{REASON}” any more: an administrator has to name one so.")
    return int(row.id)
