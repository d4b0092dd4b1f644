"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

from creditapp.services.ledger import reference


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `seq` is the entry's (or the audit row's) number, where there is one."""

    check: str
    customer_id: int | None
    seq: int | None
    message: str

    @property
    def row(self) -> str:
        """The row as people name it: `CR-1108-17`, `user #1108`, `audit row 12`, or nothing."""
        if self.customer_id is None:
            return "" if self.seq is None else f"audit row {self.seq}"
        return f"user #{self.customer_id}" if self.seq is None else reference(self.customer_id, self.seq)

    def __str__(self) -> str:
        return f"{self.check}: {self.row}: {self.message}" if self.row else f"{self.check}: {self.message}"
