"""Times as the contract writes them."""

from datetime import UTC, datetime


def wire_time(moment: datetime) -> str:
    """Format a time as ISO 8601 in UTC, with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """Return the current time in the format of `wire_time`."""
    return wire_time(datetime.now(UTC))
