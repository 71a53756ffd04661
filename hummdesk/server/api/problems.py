"""Errors as problem documents (RFC 9457)."""

from collections.abc import Iterator
from typing import Any

from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, raw

from hummdesk.contract.rest import BASE, ROUTES
from hummdesk.core import json_encoding
from hummdesk.core.errors import HummDeskError, RateLimited
from hummdesk.server.api.call import PreconditionFailed
from hummdesk.storage.idempotency import InProgress

CONTENT_TYPE = "application/problem+json"
STATUSES = {
    "UNAUTHORIZED": 401,
    "TOKEN_EXPIRED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "GONE": 410,
    "PAYLOAD_TOO_LARGE": 413,
    "VALIDATION_ERROR": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "UNAVAILABLE": 503,
}
CODES = {404: "NOT_FOUND", 413: "PAYLOAD_TOO_LARGE", 503: "UNAVAILABLE"}
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "No longer kept",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


def status_of(error: HummDeskError) -> int:
    return 412 if isinstance(error, PreconditionFailed) else STATUSES.get(error.code, 400)


def of(error: HummDeskError) -> HTTPResponse:
    """The answer for a refusal. The fields of a validation error are listed by their paths."""
    details = error.details or {}
    extra: dict[str, Any] = {}
    headers = {}
    if error.code == "VALIDATION_ERROR":
        extra["errors"] = [{"field": path, "message": message} for path, message in _flat(details)]
    elif details:
        extra["details"] = details
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, InProgress):
        headers["Retry-After"] = "1"
    status = status_of(error)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return document(status, error.code, error.message, extra=extra, headers=headers)


def of_exception(exception: Exception, path: str) -> HTTPResponse:
    """The answer for an exception of Sanic: an unknown route or method, a body that is too large."""
    status = exception.status_code if isinstance(exception, SanicException) else 500
    headers = exception.headers if isinstance(exception, SanicException) else {}
    if status == 405:  # for a path with parameters, Sanic does not name the methods
        headers = {"Allow": ", ".join(sorted(_methods(path)))}
    code = CODES.get(status, "INTERNAL_ERROR" if status >= 500 else "VALIDATION_ERROR")
    return document(status, code, TITLES.get(status, "Error"), headers=dict(headers))


def _methods(path: str) -> set[str]:
    """The methods of a path; one without parameters takes precedence."""
    named: set[str] = {route.method for route in ROUTES.values() if f"{BASE}{route.path}" == path}
    return named or {route.method for route in ROUTES.values() if route.matches(path)}


def document(
    status: int,
    code: str,
    detail: str,
    *,
    extra: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> HTTPResponse:
    problem = {
        "type": f"urn:hummdesk:problem:{code.lower().replace('_', '-')}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
    }
    return raw(
        json_encoding.encode(problem | (extra or {})), status=status, headers=headers or {}, content_type=CONTENT_TYPE
    )


def _flat(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(messages, list):
        for message in messages:
            yield from _flat(message, path)
    else:
        yield path, str(messages)
