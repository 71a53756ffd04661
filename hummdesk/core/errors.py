"""Errors: those a client receives, with a code of the contract and a safe message, and those that end a command."""

from typing import Any

from hummdesk.core.clock import now


class HummDeskError(Exception):
    """What went wrong, in words that may be shown to whoever asked."""

    code = "INTERNAL_ERROR"
    message = "Something went wrong on our side"

    def __init__(self, message: str | None = None, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.details = details

    def payload(self) -> dict[str, Any]:
        """`{code, message, details?, timestamp}`, as in `error` and in a refused acknowledgement."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "timestamp": now()}
        if self.details is not None:
            error["details"] = self.details
        return error


class Unauthorized(HummDeskError):
    code = "UNAUTHORIZED"
    message = "Authenticate first"


class TokenExpired(HummDeskError):
    code = "TOKEN_EXPIRED"
    message = "The token has expired"


class Forbidden(HummDeskError):
    code = "FORBIDDEN"
    message = "Your role may not do this"


class NotFound(HummDeskError):
    """It does not exist or belongs to another account; the two are not told apart."""

    code = "NOT_FOUND"
    message = "There is no such thing here"


class Invalid(HummDeskError):
    code = "VALIDATION_ERROR"
    message = "The payload is not valid"


class Conflict(HummDeskError):
    code = "CONFLICT"
    message = "This contradicts what happened meanwhile"


class RateLimited(HummDeskError):
    code = "RATE_LIMITED"
    message = "Too many requests"


class PayloadTooLarge(HummDeskError):
    code = "PAYLOAD_TOO_LARGE"
    message = "The packet is too large"


class UnknownEvent(HummDeskError):
    code = "UNKNOWN_EVENT"
    message = "There is no such event"


class Unavailable(HummDeskError):
    code = "UNAVAILABLE"
    message = "A part we depend on is down, try again"


class CommandError(Exception):
    """A command cannot continue. The message is one line for the person at the terminal, and says what to do."""
