"""Errors that clients receive, with a code of the contract and a safe message, and errors that end a command."""

from typing import Any

from hummdesk.core.clock import now


class HummDeskError(Exception):
    """An error whose code and message are sent to the client; the message contains no internal details."""

    code = "INTERNAL_ERROR"
    message = "Internal server error"

    def __init__(self, message: str | None = None, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.details = details

    def payload(self) -> dict[str, Any]:
        """Return `{code, message, details?, timestamp}`, the payload of `error` and of a failed acknowledgement."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "timestamp": now()}
        if self.details is not None:
            error["details"] = self.details
        return error


class Unauthorized(HummDeskError):
    code = "UNAUTHORIZED"
    message = "Not authenticated; send a valid token first"


class TokenExpired(HummDeskError):
    code = "TOKEN_EXPIRED"
    message = "The token has expired"


class Forbidden(HummDeskError):
    code = "FORBIDDEN"
    message = "Your role is not allowed to do this"


class NotFound(HummDeskError):
    """The object does not exist or belongs to another account; clients cannot distinguish the two."""

    code = "NOT_FOUND"
    message = "Not found"


class Invalid(HummDeskError):
    code = "VALIDATION_ERROR"
    message = "Invalid payload"


class Conflict(HummDeskError):
    code = "CONFLICT"
    message = "The conversation was changed by someone else; reload it"


class RateLimited(HummDeskError):
    code = "RATE_LIMITED"
    message = "Too many requests; retry later"

    def __init__(self, *, limit: str, retry_after: float) -> None:
        """`limit`: the name of the limit; `retry_after`: in seconds."""
        super().__init__(details={"limit": limit, "retryAfterMs": int(retry_after * 1000) + 1})
        self.limit = limit
        self.retry_after_seconds = int(retry_after) + 1


class PayloadTooLarge(HummDeskError):
    code = "PAYLOAD_TOO_LARGE"
    message = "The packet exceeds the maximum size"


class UnknownEvent(HummDeskError):
    code = "UNKNOWN_EVENT"
    message = "Unknown event"


class Unavailable(HummDeskError):
    code = "UNAVAILABLE"
    message = "A required service is unavailable; try again"


class CommandError(Exception):
    """A command cannot continue. The message is one line that says what is wrong and what to do."""
