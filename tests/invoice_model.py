"""What invoices, payments and credit ought to do together, in a few lines of Python that know no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from tests.ledger_model import Model, ModelEntry, ModelLot, Refused

GRACE = timedelta(days=14)


@dataclass
class ModelInvoice:
    number: int
    kind: str
    total_minor: int
    is_eligible: bool
    status: str = "draft"
    credit_minor: int = 0
    paid_minor: int = 0
    refunded_minor: int = 0

    @property
    def due_minor(self) -> int:
        return self.total_minor - self.credit_minor - self.paid_minor if self.status == "unpaid" else 0

    @property
    def state(self) -> tuple[str, int, int, int]:
        return self.status, self.credit_minor, self.paid_minor, self.refunded_minor

    def settle(self) -> None:
        self.status = "paid" if self.credit_minor + self.paid_minor == self.total_minor else "unpaid"


Outcome = tuple[int, ...] | Refused
"""The amounts of the entries that were posted, or the refusal."""


class InvoiceModel(Model):
    """One customer's ledger and invoices."""

    def __init__(self) -> None:
        super().__init__()
        self.invoices: list[ModelInvoice] = []
        self.received_minor = 0

    def create(self, kind: str, total_minor: int, *, is_eligible: bool, is_draft: bool) -> ModelInvoice:
        invoice = ModelInvoice(len(self.invoices), kind, total_minor, is_eligible)
        self.invoices.append(invoice)
        if not is_draft:
            invoice.settle()
        return invoice

    def issue(self, invoice: ModelInvoice) -> Outcome:
        if invoice.status == "draft":
            invoice.settle()
            return ()
        return () if invoice.status in {"unpaid", "paid"} else Refused("InvoiceStateError")

    def apply(self, now: datetime, invoice: ModelInvoice, amount_minor: int | None) -> Outcome:
        most_minor = min(self.usable_minor(now), invoice.due_minor)
        if invoice.kind == "add_funds" or not most_minor:
            return Refused("NotApplicableError")
        if amount_minor is not None and not 0 < amount_minor <= most_minor:
            return Refused("ApplyExceedsError")
        return self._use(now, invoice, most_minor if amount_minor is None else amount_minor)

    def apply_automatically(self, now: datetime, invoice: ModelInvoice) -> Outcome:
        if invoice.kind == "add_funds" or not invoice.is_eligible:
            return ()
        amount_minor = min(self.usable_minor(now), invoice.due_minor)
        return self._use(now, invoice, amount_minor) if amount_minor else ()

    def unapply(self, now: datetime, invoice: ModelInvoice, amount_minor: int | None) -> Outcome:
        if invoice.status not in {"unpaid", "paid"}:
            return Refused("InvoiceStateError")
        wanted_minor = invoice.credit_minor if amount_minor is None else amount_minor
        if not 0 < wanted_minor <= invoice.credit_minor:
            return Refused("ApplyExceedsError")
        self._give_back(now, invoice, "unapplied", wanted_minor)
        invoice.settle()
        return (wanted_minor,)

    def pay(self, now: datetime, amount_minor: int, named: Sequence[ModelInvoice]) -> Outcome:
        if amount_minor == 0:
            return Refused("AmountRangeError")
        if any(invoice.status == "draft" for invoice in named):
            return Refused("InvoiceStateError")
        self.received_minor += amount_minor
        left_minor, posted = amount_minor, []
        for invoice in named:
            share_minor = min(left_minor, invoice.due_minor)
            invoice.paid_minor += share_minor
            left_minor -= share_minor
            if share_minor:
                invoice.settle()
                if (invoice.status, invoice.kind) == ("paid", "add_funds"):
                    posted.append(("top_up", invoice.total_minor))
        if left_minor:
            posted.append(("rest", left_minor))
        for kind, minor in posted:
            self._post(now, kind, minor, "paid", None)
        return tuple(minor for _kind, minor in posted)

    def close(self, now: datetime, invoice: ModelInvoice, verb: str) -> Outcome:
        allowed = {"cancel": {"draft", "unpaid"}, "void": {"draft", "unpaid", "paid"}, "refund_to_credit": {"paid"}}
        to = "refunded" if verb == "refund_to_credit" else "cancelled"
        if invoice.status == to:
            return ()
        if invoice.status not in allowed[verb] or (invoice.status, invoice.kind) == ("paid", "add_funds"):
            return Refused("InvoiceStateError")
        posted = []
        if invoice.credit_minor:
            posted.append(invoice.credit_minor)
            self._give_back(now, invoice, "returned", invoice.credit_minor)
        if invoice.paid_minor:
            posted.append(invoice.paid_minor)
            self._post(now, "invoice_refund", invoice.paid_minor, "paid", None)
        invoice.refunded_minor, invoice.status = invoice.paid_minor, to
        return tuple(posted)

    def expire(self, now: datetime) -> int:
        lapsed = [lot for lot in self._in_order() if lot.left_minor and lot.expires_at and lot.expires_at <= now]
        for lot in lapsed:
            seq = len(self.entries) + 1
            self._keep(ModelEntry(seq, "expired", -lot.left_minor, {lot.seq: lot.left_minor}))
        return len(lapsed)

    def usable_minor(self, now: datetime) -> int:
        return sum(lot.left_minor for lot in self.lots.values() if lot.expires_at is None or lot.expires_at > now)

    @property
    def conserved_minor(self) -> int:
        """What is everywhere, less what came in and was given: nothing, whatever happens."""
        on_invoices = sum(
            invoice.credit_minor
            + (0 if (invoice.status, invoice.kind) == ("paid", "add_funds") else invoice.paid_minor)
            - invoice.refunded_minor
            for invoice in self.invoices
        )
        given = ("added", "removed", "expired")
        posted_minor = sum(entry.amount_minor for entry in self.entries if entry.kind in given)
        return self.balance_minor + on_invoices - self.received_minor - posted_minor

    def _use(self, now: datetime, invoice: ModelInvoice, amount_minor: int) -> Outcome:
        self._post(now, "applied", -amount_minor, "", None)
        self.entries[-1].invoice = invoice.number
        invoice.credit_minor += amount_minor
        invoice.settle()
        return (-amount_minor,)

    def _give_back(self, now: datetime, invoice: ModelInvoice, kind: str, amount_minor: int) -> None:
        draws, left_minor = {}, amount_minor
        for lot in reversed(self._in_order()):
            its = sum(entry.draws.get(lot.seq, 0) for entry in self.entries if entry.invoice == invoice.number)
            given_minor = min(its, left_minor)
            if given_minor:
                draws[lot.seq] = -given_minor
                left_minor -= given_minor
                if lot.expires_at is not None and lot.expires_at <= now:
                    lot.expires_at = datetime.combine((now + GRACE).date() + timedelta(days=1), time(), UTC)
        seq = len(self.entries) + 1
        self._keep(ModelEntry(seq, kind, amount_minor, draws, invoice=invoice.number))
        invoice.credit_minor -= amount_minor

    def _in_order(self) -> list[ModelLot]:
        return sorted(self.lots.values(), key=lambda lot: lot.place)
