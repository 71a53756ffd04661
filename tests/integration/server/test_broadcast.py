"""The same BroadcastService where there are no sockets: a Celery task, a script."""

from hummdesk.core.config import Settings
from hummdesk.publish.broadcast import open_broadcast_service
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account


async def test_a_process_without_sockets_reaches_every_kind_of_room(account: Account, web_settings: Settings) -> None:
    viewer = await account.connect("viewer")
    agent = await account.connect("agent", joins=True)
    customer = await account.connect("customer", joins=True)
    async with open_broadcast_service(web_settings) as broadcast:
        await broadcast.broadcast_to_account(account.id, "to_account", {"number": 1})
        await broadcast.broadcast_to_agent(account.people["agent"].id, "to_agent", {"number": 2}, account_id=account.id)
        await broadcast.broadcast_to_team(account.team, "to_team", {"number": 3}, account_id=account.id)
        await broadcast.broadcast_to_conversation(
            account.conversation, "to_conversation", {"number": 4}, account_id=account.id
        )
    assert (await customer.hears("to_conversation"))["number"] == 4
    for number, event in enumerate(("to_account", "to_agent", "to_team", "to_conversation"), start=1):
        assert (await agent.hears(event))["number"] == number
    assert (await viewer.hears("to_account"))["number"] == 1
    for client in (viewer, customer):
        assert not [name for name in client.names() if name.startswith("to_")]


async def test_it_knows_who_is_there(account: Account, node: Node, web_settings: Settings) -> None:
    here, away = account.people["agent"].id, account.people["colleague"].id
    agent = await account.connect("agent")
    await agent.hears("agent_online")
    await node._renew_presence()
    async with open_broadcast_service(web_settings) as broadcast:
        assert await broadcast.is_agent_online(account_id=account.id, agent_id=here)
        assert not await broadcast.is_agent_online(account_id=account.id, agent_id=away)
        assert await broadcast.get_online_agents(account.id) == {here: "online"}
        await agent.do("set_agent_status", {"status": "offline"})
        assert await broadcast.get_online_agents(account.id) == {}
        statistics = await broadcast.get_connection_statistics()
    assert statistics["nodes"] >= 1
    assert statistics["byRole"]["agent"] >= 1
    assert statistics["connections"] == sum(statistics["byRole"].values())
