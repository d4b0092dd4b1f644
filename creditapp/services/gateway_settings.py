"""What the panel's settings say about gateways: which are offered, and where bank transfers go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select, update

from creditapp.db import now
from creditapp.errors import StaleFormError
from creditapp.models import Setting
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.services.settings import WHAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

DETAILS_CHARS_MAX = 500


def select_saved() -> Select[*tuple[Any, ...]]:
    """Select what is saved, and the version of the settings."""
    return select(Setting.version, Setting.gateways, Setting.bank_details).where(Setting.id == 1)


def save(session: Session, names: Sequence[str], bank_details: str, *, version: int, by: Actor) -> None:
    """Save which gateways are offered, and the bank details; `version` is that of the settings.

    Payments that have been begun go on, also at a gateway that is not offered any more.

    Raises:
        StaleFormError: somebody else saved the settings meanwhile.
    """
    saved = session.execute(select_saved().with_for_update()).one()
    if saved.version != version:
        raise StaleFormError(WHAT)
    before = {"gateways": saved.gateways, "bank_details": saved.bank_details}
    after = {"gateways": ",".join(names), "bank_details": bank_details}
    if before == after:
        return
    session.execute(
        update(Setting).where(Setting.id == 1).values(**after, version=version + 1, updated_at=now(session))
    )
    audit.record(session, Action.SETTINGS_SAVED, by, "settings", 1, before, after)
