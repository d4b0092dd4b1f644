"""Incidents that are not there, or cannot be as they are written."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class IncidentNotFoundError(DomainError):
    """There is no incident of this number."""

    def __init__(self, incident_id: int) -> None:
        self.incident_id = incident_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no incident #{self.incident_id}."


class IncidentError(DomainError):
    """An incident cannot be saved, previewed or dismissed as it stands."""

    def __init__(self, problem: str, *, box: str = "") -> None:
        self.problem = problem
        self.box = box
        """The field that is to blame; empty: none by itself."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class LineError(DomainError):
    """A line of a preview cannot be included, left out or changed like this."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem
