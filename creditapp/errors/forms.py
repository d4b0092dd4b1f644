"""Forms that were sent before, too late, or with what somebody else has."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class KeyReusedError(DomainError):
    """The form's key has been used for other content."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"This form was already sent once with other content ({self.reference}). "
            "Nothing was saved now; open the form anew to post another entry."
        )


class FormReusedError(KeyReusedError):
    """The key of a request that posts no entry has been used for other content."""

    def __init__(self) -> None:
        super().__init__("")

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This form was already sent once with other content. Nothing was saved now; open the form anew."


class StaleFormError(DomainError):
    """Somebody else saved the same record after the form was opened."""

    def __init__(self, what: str) -> None:
        self.what = what

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"Somebody else changed {self.what} after you opened this form. Nothing was saved. "
            "What you typed is below; compare it with what is saved now and send it again."
        )


class TakenError(DomainError):
    """A value that must be unique is somebody else's."""

    def __init__(self, label: str, value: str) -> None:
        self.label = label
        self.value = value

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"The {self.label} “{self.value}” is taken."
