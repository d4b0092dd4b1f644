"""Who does something: a staff member, a customer, the system itself or a program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is staff, customer, system or api; `id` is None for the system alone. `address` is where from."""

    kind: str
    id: int | None = None
    address: str = ""


SYSTEM = Actor("system")


def staff(staff_id: int, address: str = "") -> Actor:
    """Return the actor that stands for this staff member."""
    return Actor("staff", staff_id, address)


def customer(customer_id: int, address: str = "") -> Actor:
    """Return the actor that stands for this customer."""
    return Actor("customer", customer_id, address)
