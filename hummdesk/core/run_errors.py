"""The errors with which AI runs end: texts that are safe to show, which are stored, and their codes of the contract."""

from collections.abc import Mapping
from typing import Literal

RunErrorCode = Literal["UNAVAILABLE", "CONFLICT", "INTERNAL_ERROR"]
"""`UNAVAILABLE`: another request may succeed later; `CONFLICT`: what the run is about is gone."""

LATE = "The AI did not answer in time"
STOPPED = "The AI stopped while working on this"
UNUSABLE = "The AI gave no usable answer"
SERVICE_DOWN = "A service that the AI depends on is down"
GONE = "The message can no longer be processed"
REFUSED = "The AI cannot process this message"
UNEXPLAINED = "The AI run failed"

_CODES: Mapping[str, RunErrorCode] = {
    LATE: "UNAVAILABLE",
    STOPPED: "UNAVAILABLE",
    UNUSABLE: "UNAVAILABLE",
    SERVICE_DOWN: "UNAVAILABLE",
    GONE: "CONFLICT",
}


def code_of(error: str) -> RunErrorCode:
    """Return the code of a stored error, also of one that an older version has stored."""
    return _CODES.get(error, "INTERNAL_ERROR")
