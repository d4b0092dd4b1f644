"""Policies: the managed list that says what downtime is worth. Switched off, never deleted: incidents name them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import PolicyError, StaleFormError, TakenError
from creditapp.models import DowntimePolicy, DowntimeTier, PolicyMethod
from creditapp.services import audit, request_keys, settings
from creditapp.services.audit import Action
from creditapp.services.downtime.terms import Terms
from creditapp.services.downtime.wording import percent, uptime
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NAME_CHARS_MAX = 80
DESCRIPTION_CHARS_MAX = 300
TIERS_MAX = 20
MINUTES_MAX = 44_640
"""As many as the longest month has."""
RATE_MAX_BP = 100_000
FACTOR_MAX_HUNDREDTHS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFields:
    """A policy as its form has it: cleaned and within its lengths."""

    name: str
    terms: Terms
    description: str = ""
    is_active: bool = True

    def columns(self) -> dict[str, Any]:
        """Return what the policy's own row holds of these; its table lies apart."""
        terms = {name: value for name, value in asdict(self.terms).items() if name != "tiers"}
        named = {"name": self.name, "name_key": fold(self.name), "description": self.description}
        return {**named, "is_active": self.is_active, **terms}

    def audited(self) -> dict[str, Any]:
        """Return what the audit log keeps."""
        table = [f"below {uptime(below)}: {percent(credit)}" for below, credit in self.terms.tiers]
        kept = {name: value for name, value in self.columns().items() if name != "name_key"}
        return {**kept, "table": table}


def create(session: Session, fields: PolicyFields, *, by: Actor, key: str) -> int:
    """Add a policy at the end of the list, and return its id. The same key again adds no second one.

    Raises:
        PolicyError: its table is empty, too long, or gives less for a longer outage.
        TakenError: another policy has this name, capitals and accents apart.
        FormReusedError: the key has added another policy.
    """
    check(fields.terms)
    settings.lock(session)
    content = (fields.name, fields.description, fields.is_active, fields.terms.to_json(), by.kind, by.id)
    earlier = request_keys.claim(session, "downtime_policy", key, content)
    if earlier is not None:
        return int(earlier)
    last = session.execute(select(func.coalesce(func.max(DowntimePolicy.position), 0))).scalar_one()
    moment = now(session)
    row = insert(DowntimePolicy).values(
        **fields.columns(), position=last + 1, version=1, created_at=moment, updated_at=moment
    )
    try:
        policy_id: int = session.execute(row.returning(DowntimePolicy.id)).scalar_one()
    except IntegrityError as error:
        raise _taken(error, fields) from error
    _write_table(session, policy_id, fields.terms)
    request_keys.keep(session, "downtime_policy", key, str(policy_id))
    audit.record(session, Action.POLICY_CREATED, by, "downtime_policy", policy_id, after=fields.audited())
    return policy_id


def edit(session: Session, policy_id: int, fields: PolicyFields, *, version: int, by: Actor) -> None:
    """Save a policy; `version` is the one the form was opened on. Nothing is written when nothing differs.

    A batch keeps the terms its lines were worked out by: what has been previewed or issued stays as it is.

    Raises:
        PolicyError: there is no such policy, or its table is empty, too long, or gives less for a longer outage.
        StaleFormError: somebody else saved it meanwhile.
        TakenError: another policy has this name.
    """
    check(fields.terms)
    settings.lock(session)
    saved = find(session, policy_id)
    if saved.version != version:
        raise StaleFormError("this policy")
    before = PolicyFields(
        name=saved.name, terms=terms_of(session, saved), description=saved.description, is_active=saved.is_active
    )
    if before == fields:
        return
    row = update(DowntimePolicy).where(DowntimePolicy.id == policy_id).execution_options(synchronize_session=False)
    try:
        session.execute(row.values(**fields.columns(), version=version + 1, updated_at=now(session)))
    except IntegrityError as error:
        raise _taken(error, fields) from error
    _write_table(session, policy_id, fields.terms)
    audit.record(session, Action.POLICY_EDITED, by, "downtime_policy", policy_id, before.audited(), fields.audited())


def move(session: Session, policy_id: int, *, up: bool, by: Actor) -> None:
    """Let a policy change places with the one before it, or after it; at the end of the list nothing happens.

    Raises:
        PolicyError: there is no such policy.
    """
    settings.lock(session)
    policy = DowntimePolicy
    order = list(session.execute(select(policy.id).order_by(policy.position, policy.id)).scalars())
    if policy_id not in order:
        raise PolicyError("There is no such policy.")
    place = order.index(policy_id)
    other = place - 1 if up else place + 1
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    for position, one in enumerate(order, start=1):
        session.execute(update(policy).where(policy.id == one, policy.position != position).values(position=position))
    before, after = {"position": place + 1}, {"position": other + 1}
    audit.record(session, Action.POLICY_EDITED, by, "downtime_policy", policy_id, before, after)


def find(session: Session, policy_id: int) -> DowntimePolicy:
    """Return a policy as it is saved.

    Raises:
        PolicyError: there is no such policy.
    """
    statement = select(DowntimePolicy).where(DowntimePolicy.id == policy_id)
    saved = session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
    if saved is None:
        raise PolicyError("Choose a policy from the list.", box="policy")
    return saved


def terms_of(session: Session, policy: DowntimePolicy) -> Terms:
    """Return what a policy says, its table included."""
    tiers = select(DowntimeTier).where(DowntimeTier.policy_id == policy.id)
    return Terms.of(policy, session.execute(tiers.execution_options(populate_existing=True)).scalars())


def check(terms: Terms) -> None:
    """Refuse a table that says nothing, or that gives less for a longer outage.

    Raises:
        PolicyError: it is one of those.
    """
    if terms.method is not PolicyMethod.TIERS:
        return
    if not 0 < len(terms.tiers) <= TIERS_MAX:
        raise PolicyError(f"Write a table of 1 to {TIERS_MAX} lines.", box="tiers")
    for (lower, more), (higher, less) in zip(terms.tiers, terms.tiers[1:], strict=False):
        if lower == higher:
            raise PolicyError(f"{uptime(lower)} stands in the table twice.", box="tiers")
        if more < less:
            problem = f"Below {uptime(lower)} it gives {percent(more)}, less than below {uptime(higher)}."
            raise PolicyError(f"{problem} A longer outage must not be worth less.", box="tiers")


def _write_table(session: Session, policy_id: int, terms: Terms) -> None:
    session.execute(
        delete(DowntimeTier).where(DowntimeTier.policy_id == policy_id).execution_options(synchronize_session=False)
    )
    for below_ppm, credit_bp in terms.tiers:
        session.execute(insert(DowntimeTier).values(policy_id=policy_id, below_ppm=below_ppm, credit_bp=credit_bp))


def _taken(error: IntegrityError, fields: PolicyFields) -> Exception:
    return TakenError("name", fields.name) if "name_key" in str(error.orig) else error
