"""What is refused about mails and their texts."""

from __future__ import annotations

from collections.abc import Sequence

from creditapp.errors.domain import DomainError, Money


class MailTextError(DomainError):
    """The text of a mail names what nobody can fill in, or lacks its link. `field` is subject or body."""

    def __init__(self, field: str, name: str, known: Sequence[str]) -> None:
        self.field, self.name, self.known = field, name, known

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        if not self.name:
            return "Without {url} nobody could follow the link: put it somewhere."
        return f"There is no {{{self.name}}} here. Use {', '.join(f'{{{one}}}' for one in self.known)}."


class MailSetUpError(DomainError):
    """Mails have no address to come from."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Save an address first that mails come from."


class MailStateError(DomainError):
    """Only a mail that has failed can be sent again; one with a link that works once never is."""

    def __init__(self, *, has_link: bool = False) -> None:
        self.has_link = has_link

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        if self.has_link:
            return "Its link worked once and for a while only: ask for a new one instead."
        return "Only a mail that has failed can be sent again; this one has not."
