"""Why somebody gets no log-in to the client area, or cannot use a link for one."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class LinkError(DomainError):
    """The link was used before, its time is over, or there never was one."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This link does not work any more: it was used before, or its time is over."


class HasLogInError(DomainError):
    """The customer can sign in already."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This user has a log-in to the client area already."


class NoLogInError(DomainError):
    """The customer has no log-in that could be ended."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This user has no log-in to the client area."


class NoAddressError(DomainError):
    """There is no e-mail address to sign in with."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This user has no email address to sign in with. Add one to the profile first."


class AddressUnfitError(DomainError):
    """Another customer signs in with the address; nobody is told whose it is."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This email address cannot be used to sign in here. Use another one."
