"""BroadcastService in a process without sockets: a Celery task, a script."""

import asyncio
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from docs.generate import ROOT
from hummdesk.core.config import Settings
from hummdesk.publish.broadcast import BroadcastService, get_broadcast_service, open_broadcast_service
from hummdesk.publish.events.ai import AIClassification
from hummdesk.server import maintenance
from hummdesk.server.node import Node
from tests.integration.server.accounts import CLASSIFICATION, Account
from tests.system.js.web_process import environment

SCRIPT = ROOT / "docs/examples/broadcast.py"


@pytest.fixture
async def service(web_settings: Settings) -> AsyncIterator[BroadcastService]:
    async with open_broadcast_service(web_settings) as service:
        yield service


async def test_broadcast_reaches_the_sockets_of_each_kind_of_room(account: Account, service: BroadcastService) -> None:
    viewer = await account.connect("viewer")
    agent = await account.connect("agent", joins=True)
    customer = await account.connect("customer", joins=True)
    await service.broadcast_to_account(account.id, "to_account", {"number": 1})
    await service.broadcast_to_agent(account.people["agent"].id, "to_agent", {"number": 2}, account_id=account.id)
    await service.broadcast_to_team(account.team, "to_team", {"number": 3}, account_id=account.id)
    await service.broadcast_to_conversation(
        account.conversation, "to_conversation", {"number": 4}, account_id=account.id
    )
    assert (await customer.receives("to_conversation"))["number"] == 4
    for number, event in enumerate(("to_account", "to_agent", "to_team", "to_conversation"), start=1):
        assert (await agent.receives(event))["number"] == number
    assert (await viewer.receives("to_account"))["number"] == 1
    for client in (viewer, customer):
        assert not [name for name in client.names() if name.startswith("to_")]


async def test_notify_classification_reaches_staff_once(account: Account, service: BroadcastService) -> None:
    viewer = await account.connect("viewer")
    customer = await account.connect("customer", joins=True)
    classification = AIClassification(
        account_id=account.id,
        conversation_id=account.conversation,
        message_id=uuid4(),
        classification=CLASSIFICATION,
        confidence=0.9,
        processing_time=12,
        provider="own",
    )
    for _ in range(2):
        await service.notify_classification(classification)
    await service.broadcast_to_conversation(account.conversation, "marker", {}, account_id=account.id)
    await service.broadcast_to_account(account.id, "marker", {})
    await customer.receives("marker")
    await viewer.receives("marker")
    assert [name for name in viewer.names() if name.startswith("ai_")] == ["ai_classification"]
    assert "ai_classification" not in customer.names()


async def test_online_agents_and_connections_are_those_of_the_web_processes(
    account: Account, node: Node, service: BroadcastService
) -> None:
    here, away = account.people["agent"].id, account.people["colleague"].id
    agent = await account.connect("agent")
    await agent.receives("agent_online")
    await maintenance.renew_counts(node.context)
    assert await service.is_agent_online(account_id=account.id, agent_id=here)
    assert not await service.is_agent_online(account_id=account.id, agent_id=away)
    assert await service.get_online_agents(account.id) == {here: "online"}
    await agent.do("set_agent_status", {"status": "offline"})
    assert await service.get_online_agents(account.id) == {}
    statistics = await service.get_connection_statistics()
    assert statistics["nodes"] >= 1
    assert statistics["byRole"]["agent"] >= 1
    assert statistics["connections"] == sum(statistics["byRole"].values())


async def test_get_broadcast_service_returns_one_service_until_it_is_closed(
    account: Account, web_settings: Settings
) -> None:
    viewer = await account.connect("viewer")
    first = get_broadcast_service(web_settings)
    assert get_broadcast_service() is first
    await first.broadcast_to_account(account.id, "number", {"number": 1})
    await first.close()
    second = get_broadcast_service(web_settings)
    assert second is not first
    await second.broadcast_to_account(account.id, "number", {"number": 2})
    await second.close()
    assert [(await viewer.receives("number"))["number"] for _ in range(2)] == [1, 2]


async def test_script_without_server_reaches_clients(account: Account, web_settings: Settings) -> None:
    viewer = await account.connect("viewer")
    script = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, str(account.id), env=environment(web_settings) | {"PYTHONPATH": str(ROOT)}
    )
    assert await script.wait() == 0
    assert (await viewer.receives("maintenance"))["inMinutes"] == 10
