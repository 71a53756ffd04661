"""Headers of every answer: what is left of the rate limits, and for how long the call lives.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers-10, `Deprecation` that of RFC 9745,
`Sunset` that of RFC 8594.
"""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from sanic import Request

from hummdesk.contract.rest import Route
from hummdesk.server.context import ServerContext

SECONDS = 60
"""The window of the limits of calls."""


def of_quotas(context: ServerContext, request: Request[Any, Any]) -> dict[str, str]:
    """No headers for a caller who is unknown, or without a limit."""
    caller = getattr(request.ctx, "caller", None)
    quotas = [] if caller is None else context.rate_limits.call_quotas(caller)
    if not quotas:
        return {}
    policies, left = [], []
    for quota in quotas:
        name, most = quota.limit.name.partition("_")[0], quota.limit.burst
        policies.append(f'"{name}";q={int(most)};w={SECONDS}')
        left.append(f'"{name}";r={int(quota.remaining)};t={int((most - quota.remaining) / quota.limit.rate) + 1}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}


def of_route(route: Route) -> dict[str, str]:
    found = {"Cache-Control": "no-store"}
    if route.deprecated is not None:
        found["Deprecation"] = f"@{int(_midnight(route.deprecated).timestamp())}"
    if route.sunset is not None:
        found["Sunset"] = format_datetime(_midnight(route.sunset), usegmt=True)
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
