"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

from creditapp.services.ledger import reference


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    `seq` is the number of the entry, where there is one; or of the audit row, of the invoice or of the payment: `of`
    says which of these a customer's number is.
    """

    check: str
    customer_id: int | None
    seq: int | None
    message: str
    of: str = "entry"

    @property
    def row(self) -> str:
        """The row as people name it: `CR-1108-17`, `invoice #12 of user #3`, `user #3`, `audit row 12`, or nothing."""
        if self.customer_id is None:
            return "" if self.seq is None else f"audit row {self.seq}"
        if self.seq is None:
            return f"user #{self.customer_id}"
        if self.of != "entry":
            return f"{self.of} #{self.seq} of user #{self.customer_id}"
        return reference(self.customer_id, self.seq)

    def __str__(self) -> str:
        return f"{self.check}: {self.row}: {self.message}" if self.row else f"{self.check}: {self.message}"
