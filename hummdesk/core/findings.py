"""What checks of a deployment find."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Severity = Literal["warning", "error"]

MAX_SKEW_SECONDS = 2.0
"""Presence leases and due times compare the clocks of processes, PostgreSQL and Redis."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a deployment, each part in one line.

    `is_fatal`: no process can work with it, and waiting does not end it. `is_error`: something fails now, and may work
    later. Any other is a warning: it works, with a risk.
    """

    subject: str
    problem: str
    remedy: str
    is_fatal: bool = False
    is_error: bool = False

    @property
    def severity(self) -> Severity:
        return "error" if self.is_fatal or self.is_error else "warning"

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.remedy}"


def clock_findings(server: str, at: datetime, *, asked_at: datetime) -> list[Finding]:
    """Compare the time that a server has returned with this machine's; a slow answer is no difference."""
    ahead, behind = (at - datetime.now(UTC)).total_seconds(), (asked_at - at).total_seconds()
    skew = max(ahead, behind)
    if skew <= MAX_SKEW_SECONDS:
        return []
    side = "ahead of" if ahead > behind else "behind"
    problem = f"that of {server} is {skew:.1f} s {side} this machine's"
    return [Finding("The clocks", problem, "synchronize the clocks of all machines by NTP")]
