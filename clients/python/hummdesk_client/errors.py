"""The errors of both clients."""

from collections.abc import Mapping
from typing import Any

TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
TRANSIENT_CODES = frozenset({"UNAVAILABLE", "RATE_LIMITED", "INTERNAL_ERROR"})


class ClientError(Exception):
    """Base of the errors of this package."""


class NoResponseError(ClientError):
    """The server did not respond in time. The request may have been carried out."""

    def __init__(self) -> None:
        super().__init__("The server did not respond")


class ProblemError(ClientError):
    """The REST API refused a request. `problem` is the document of RFC 9457."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        fields = [f"{error['field']}: {error['message']}" for error in problem.get("errors", ())]
        super().__init__(" ".join([problem["detail"], *fields]))
        self.problem = problem

    @property
    def status(self) -> int:
        return int(self.problem["status"])

    @property
    def code(self) -> str:
        return str(self.problem["code"])

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later: the server was overloaded, unavailable or failed internally."""
        return self.status in TRANSIENT_STATUSES


class RequestError(ClientError):
    """The server answered a request of the socket with an error. `error` has a code, a message, and details."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error

    @property
    def code(self) -> str:
        return str(self.error["code"])

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later: the server was overloaded, unavailable or failed internally."""
        return self.code in TRANSIENT_CODES
