"""Since when agents have been absent, as a process has observed it.

Redis may lose the leases of presence, which return when the processes renew them. Until then connected agents seem to
be offline since the end of their last session.
"""

from collections.abc import Collection, Mapping
from uuid import UUID


class Absences:
    """The absent agents of an account, each with the time of the first look since it was present. In microseconds."""

    def __init__(self) -> None:
        self._first: dict[UUID, int] = {}

    def update(self, absent: Collection[UUID], *, now: int) -> Mapping[UUID, int]:
        """Note the agents who are absent now, and forget all others; return since when each is."""
        self._first = {agent_id: self._first.get(agent_id, now) for agent_id in absent}
        return self._first
