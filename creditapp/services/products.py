"""Products: the catalogue of what is sold. Switched off, never deleted: invoices and subscriptions name them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import ProductError, StaleFormError, TakenError
from creditapp.models import Cycle, Product, ProductKind
from creditapp.services import audit, customers, request_keys
from creditapp.services.audit import Action
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NAME_CHARS_MAX = 120
WHAT = "this product"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFields:
    """A product as its form has it: cleaned and within its lengths. The price is minor units for one period."""

    name: str
    kind: ProductKind
    price_minor: int
    cycle: Cycle
    tax_bp: int = 0
    """Basis points: 1,900 is 19 %."""
    is_credit_automatic: bool = True
    is_active: bool = True

    def columns(self) -> dict[str, Any]:
        """Return what the row holds of these, and the folded name by which it is unique."""
        values = asdict(self) | {"kind": str(self.kind), "cycle": str(self.cycle)}
        return {**values, "name_key": fold(self.name)}


def create(session: Session, fields: ProductFields, *, by: Actor, key: str) -> int:
    """Add a product to the catalogue, and return its id. The same key again adds no second one.

    Raises:
        TakenError: another product has this name, capitals and accents apart.
        FormReusedError: the key has added another product.
    """
    customers.lock_settings(session)
    content = (*(str(value) for value in asdict(fields).values()), by.kind, by.id)
    earlier = request_keys.claim(session, "product", key, content)
    if earlier is not None:
        return int(earlier)
    moment = now(session)
    row = insert(Product).values(**fields.columns(), version=1, created_at=moment, updated_at=moment)
    try:
        product_id: int = session.execute(row.returning(Product.id)).scalar_one()
    except IntegrityError as error:
        raise _taken(error, fields) from error
    request_keys.keep(session, "product", key, str(product_id))
    audit.record(session, Action.PRODUCT_CREATED, by, "product", product_id, after=asdict(fields))
    return product_id


def edit(session: Session, product_id: int, fields: ProductFields, *, version: int, by: Actor) -> None:
    """Save a product; `version` is the one the form was opened on.

    Nothing is written when nothing differs, so that the same form sent twice is saved once. What has been invoiced
    stays as it is, and subscriptions keep their price and cycle.

    Raises:
        ProductError: there is no such product.
        StaleFormError: somebody else saved it meanwhile.
        TakenError: another product has this name.
    """
    customers.lock_settings(session)
    p = Product.__table__.c
    names = list(asdict(fields))
    columns = [p[name] for name in names]
    saved = session.execute(
        select(p.version, *columns).where(p.id == product_id).with_for_update(key_share=True)
    ).one_or_none()
    if saved is None:
        raise ProductError("There is no such product.")
    before, after = {name: getattr(saved, name) for name in names}, asdict(fields)
    if before == after:
        return
    if saved.version != version:
        raise StaleFormError(WHAT)
    row = update(Product).where(p.id == product_id)
    try:
        session.execute(row.values(**fields.columns(), version=version + 1, updated_at=now(session)))
    except IntegrityError as error:
        raise _taken(error, fields) from error
    audit.record(session, Action.PRODUCT_EDITED, by, "product", product_id, before, after)


def _taken(error: IntegrityError, fields: ProductFields) -> Exception:
    """Return the refusal that a broken unique key means, or the error itself when it is another one."""
    return TakenError("name", fields.name) if "name_key" in str(error.orig) else error
