"""The viewers of a conversation: at several processes, in several tabs, at a process that dies."""

import asyncio
from dataclasses import replace

from hummdesk.bus.commands import Commands
from hummdesk.bus.viewers import View, ViewerLeases
from hummdesk.core.config import Settings
from hummdesk.server.handlers import viewers
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client


async def names(client: Client, account: Account) -> list[str]:
    received = await client.receives("conversation_viewers", conversationId=str(account.conversation))
    return [viewer["name"] for viewer in received["viewers"]]


async def test_viewers_at_all_processes_are_published_to_staff(account: Account, second_url: str) -> None:
    conversation = str(account.conversation)
    agent = await account.connect("agent")
    answer = await agent.do("join_conversation", conversation)
    assert answer["viewers"] == [{"agentId": str(account.people["agent"].id), "name": "Agent"}]
    assert await names(agent, account) == ["Agent"]
    viewer = await account.connect("viewer", url=second_url)
    answer = await viewer.do("join_conversation", conversation)
    assert [one["name"] for one in answer["viewers"]] == ["Agent", "Viewer"]
    assert await names(agent, account) == ["Agent", "Viewer"]
    await viewer.do("leave_conversation", conversation)
    assert await names(agent, account) == ["Agent"]
    await viewer.do("join_conversation", conversation)
    assert await names(agent, account) == ["Agent", "Viewer"]
    await viewer.close()
    assert await names(agent, account) == ["Agent"]


async def test_agent_with_two_tabs_is_one_viewer(account: Account) -> None:
    admin = await account.connect("admin", joins=True)
    assert await names(admin, account) == ["Admin"]
    tabs = [await account.connect("agent", joins=True) for _ in range(2)]
    for _ in tabs:
        assert await names(admin, account) == ["Admin", "Agent"]
    await tabs[0].close()
    assert await names(admin, account) == ["Admin", "Agent"]
    await tabs[1].close()
    assert await names(admin, account) == ["Admin"]


async def test_customer_is_no_viewer_and_receives_none(account: Account) -> None:
    agent = await account.connect("agent", joins=True)
    customer = await account.connect("customer")
    answer = await customer.do("join_conversation", str(account.conversation))
    assert not {"viewers", "ai"} & set(answer)
    await account.connect("admin", joins=True)
    assert await names(agent, account) == ["Agent"]
    assert await names(agent, account) == ["Admin", "Agent"]
    await customer.do("leave_conversation", str(account.conversation))
    assert "conversation_viewers" not in customer.names()


async def test_viewer_of_dead_process_is_removed_when_the_lease_expires(
    account: Account, web_settings: Settings, node: Node
) -> None:
    commands, person = Commands.of(web_settings.redis), account.people["colleague"]
    views = [View(account.id, account.conversation, person.id, "a-socket-of-a-dead-process", person.name)]
    await ViewerLeases(commands, lease_seconds=60).enter(views)
    agent = await account.connect("agent")
    answer = await agent.do("join_conversation", str(account.conversation))
    assert [one["name"] for one in answer["viewers"]] == ["Agent", "Colleague"]
    assert await names(agent, account) == ["Agent", "Colleague"]
    await ViewerLeases(commands, lease_seconds=0.001).renew(views)
    await asyncio.sleep(0.002)
    await viewers.renew(node.context)
    assert await names(agent, account) == ["Agent"]
    await commands.close()


async def test_join_without_redis_succeeds_without_viewers(account: Account, node: Node) -> None:
    agent = await account.connect("agent")
    context = node.context
    away = replace(context, viewers=ViewerLeases(Commands.of("redis://127.0.0.1:1/0", timeout=0.2), lease_seconds=1))
    node.adapter.context = away
    try:
        answer = await agent.do("join_conversation", str(account.conversation))
        assert answer["viewers"] == []
        await agent.do("leave_conversation", str(account.conversation))
    finally:
        node.adapter.context = context
        await away.viewers.close()
