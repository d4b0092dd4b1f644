"""What a member of the staff may not do to another's account, or to their own."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class StaffNotFoundError(DomainError):
    """There is no such member of the staff."""

    def __init__(self, staff_id: int) -> None:
        self.staff_id = staff_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is nobody of the number {self.staff_id} among the staff."


class RoleAboveError(DomainError):
    """The account, or the role that is to be given, is above that of whoever asks."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Only an admin manages staff, and nobody gives, takes or edits a role above their own."


class OwnStaffAccountError(DomainError):
    """Somebody wants to change what only others may change about them."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            "This is your own account: your role, your own user and whether you may sign in are for others to change."
        )


class LastAdminError(DomainError):
    """Without this person nobody could manage staff any more."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This is the last admin who can sign in: make somebody else an admin first."


class StaffStateError(DomainError):
    """What is asked for does not fit how the account stands."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class OwnUserError(DomainError):
    """The user that is said to be somebody's own cannot be."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no user #{self.customer_id} whose account could be somebody's own."


class OwnAccountError(DomainError):
    """Somebody of the staff wants to move credit on the account they have as a customer."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"User #{self.customer_id} is you: nobody moves credit on their own account. Ask a colleague."


class FactorError(DomainError):
    """The second factor cannot be set up, or switched off, as things stand."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class WrongPasswordError(DomainError):
    """The password is not, or not any more, the one of the log-in."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This is not the password."


class WrongCodeError(DomainError):
    """The code is not the one of this moment, or it was used before."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This code is not right, or was used before. Wait for the next one, and check your phone's clock."
