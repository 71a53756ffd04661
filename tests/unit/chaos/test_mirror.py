"""The client that judges the state model of the fault tests."""

import asyncio
from typing import Any

import pytest

from tests.system.chaos.mirror import Mirror

ROW = {"lastSeq": 0, "lastMessage": None, "unreadCount": 0, "status": "open", "countedTo": 0}


class Interrupted(Mirror):
    """A mirror whose requests are answered by the test."""

    def __init__(self) -> None:
        super().__init__(["http://127.0.0.1:1"], "token", ["c"])
        self.state = {"conversations": {"c": {**ROW, "counted": []}}, "messages": {"c": {}}, "agents": {}}
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def request(self, event: str, payload: Any) -> dict[str, Any]:
        return await self.answers.get()


def message(seq: int) -> dict[str, Any]:
    return {"conversationId": "c", "seq": seq, "messageId": f"m{seq}", "senderType": "customer"}


@pytest.mark.parametrize("interruptions", [1, 2])
async def test_events_of_an_interrupted_recovery_are_applied_by_the_next_one(interruptions: int) -> None:
    mirror = Interrupted()
    for seq in range(1, interruptions + 1):
        recovery = asyncio.create_task(mirror._recover())
        await asyncio.sleep(0)
        mirror._receive("new_message", message(seq))
        recovery.cancel()
        await asyncio.wait([recovery])
    mirror.answers.put_nowait({"agents": [{"agentId": "a", "status": "online"}]})
    await mirror._recover()
    assert mirror.state["messages"]["c"] == {seq: f"m{seq}" for seq in range(1, interruptions + 1)}
    assert mirror.state["agents"] == {"a": "online"}
