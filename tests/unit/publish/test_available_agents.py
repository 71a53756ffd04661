"""Which agents may be suggested."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hummdesk.publish.broadcast import BroadcastService

ACCOUNT, ONLINE, AWAY, BUSY, OFFLINE = (UUID(int=n) for n in range(5))


async def test_agents_who_are_away_or_busy_are_not_available() -> None:
    async def statuses(_: UUID) -> dict[UUID, str]:
        return {ONLINE: "online", AWAY: "away", BUSY: "busy", OFFLINE: "offline"}

    service: Any = SimpleNamespace(presence=SimpleNamespace(statuses=statuses))
    assert await BroadcastService.get_available_agents(service, ACCOUNT) == {ONLINE}
