"""Presence with several tabs, the grace period, leases, and statuses set by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect as open_websocket
from websockets.frames import CloseCode

from hummdesk.bus.commands import Commands
from hummdesk.bus.presence import Lease, Presence, groups
from hummdesk.core.config import Settings
from hummdesk.server.listener import reserved
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.integration.server.test_outbox import RELAYING, process
from tests.system.js.web_process import serving


async def status_of(client: object, account: Account, name: str) -> str:
    answer = await client.do("get_presence")  # type: ignore[attr-defined]
    agents = {agent["agentId"]: agent for agent in answer["agents"]}
    assert {agent["email"] for agent in answer["agents"]} == {
        person.email for person in account.people.values() if person.role in ("admin", "agent")
    }
    return str(agents[str(account.people[name].id)]["status"])


@asynccontextmanager
async def presence(settings: Settings) -> AsyncIterator[Presence]:
    """The presence of another process, closed also when the test fails."""
    opened = Presence(Commands.of(settings.redis), settings)
    try:
        yield opened
    finally:
        await opened.close()


async def test_agent_with_several_tabs_is_online_once(account: Account) -> None:
    viewer = await account.connect("viewer")
    tabs = [await account.connect("agent") for _ in range(3)]
    online = await viewer.receives("agent_online")
    assert (online["agentId"], online["status"]) == (str(account.people["agent"].id), "online")
    assert await status_of(viewer, account, "agent") == "online"
    for tab in tabs:
        await tab.close()
    offline = await viewer.receives("agent_offline")
    assert offline["lastSeenAt"].endswith("Z")
    assert await status_of(viewer, account, "agent") == "offline"
    assert viewer.names().count("agent_online") == 0
    assert viewer.names().count("agent_offline") == 0


async def test_reload_within_grace_publishes_nothing(account: Account, web_settings: Settings, node: Node) -> None:
    viewer = await account.connect("viewer")
    async with running(replace(web_settings, presence_grace_seconds=60), name="reload") as (url, _):
        agent = await account.connect("agent", url=url)
        await viewer.receives("agent_online")
        sid = agent.socket.get_sid()
        await agent.close()
        again = await account.connect("agent", url=url)
        assert await status_of(again, account, "agent") == "online"
        await end_lease(account, sid)
        await node.context.broadcast.broadcast_to_account(account.id, "marker", {})
        await viewer.receives("marker")
        assert viewer.names() == []
        assert await status_of(again, account, "agent") == "online"


async def end_lease(account: Account, sid: str) -> None:
    """End the lease of a socket of the agent that has closed; return when what follows from that is published."""
    member = f"{account.id}/{account.people['agent'].id}/{sid}"
    [group] = groups(account.settings)
    async with Redis.from_url(account.settings.redis) as redis, asyncio.timeout(20):
        while await redis.zscore(group.leases, member) is not None:
            await redis.zadd(group.leases, {member: 0}, xx=True)  # again after the process has noticed that it closed
            await asyncio.sleep(0.02)
    await until_confirmed(account, "agent")


async def test_offline_set_by_hand_lasts_until_a_new_session(account: Account) -> None:
    viewer = await account.connect("viewer")
    agent = await account.connect("agent")
    await viewer.receives("agent_online")
    await agent.do("agent_offline")
    await viewer.receives("agent_offline")
    assert await status_of(viewer, account, "agent") == "offline"
    await account.connect("agent")
    await viewer.receives("agent_online")
    await agent.do("agent_offline")
    await viewer.receives("agent_offline")
    await agent.do("agent_online")
    await viewer.receives("agent_online")


async def test_status_change_is_published_with_the_previous_status(account: Account) -> None:
    viewer = await account.connect("viewer")
    agent = await account.connect("agent")
    await agent.do("set_agent_status", {"status": "busy"})
    changed = await viewer.receives("agent_status_changed")
    assert (changed["oldStatus"], changed["newStatus"]) == ("online", "busy")
    await account.connect("agent")
    assert await status_of(viewer, account, "agent") == "busy"
    await agent.do("set_agent_status", {"status": "offline"})
    await viewer.receives("agent_offline")
    await agent.do("set_agent_status", {"status": "away"})
    assert await viewer.receives("agent_online", status="away")


async def test_agent_of_dead_process_goes_offline_when_the_lease_expires(
    account: Account, web_settings: Settings
) -> None:
    viewer = await account.connect("viewer")
    lease = Lease(account.id, account.people["agent"].id, "a-socket-of-a-dead-process")
    ended = replace(web_settings, presence_lease_seconds=0.001)
    async with presence(replace(web_settings, presence_lease_seconds=60)) as dead, presence(ended) as time:
        assert await dead.join(lease)
        assert await status_of(viewer, account, "agent") == "online"
        await time.renew([lease])
        await viewer.receives("agent_offline")
        assert await status_of(viewer, account, "agent") == "offline"


async def test_next_end_of_a_lease_is_that_of_the_first_to_end(account: Account, web_settings: Settings) -> None:
    lease = Lease(account.id, account.people["agent"].id, "first")
    long, short = (replace(web_settings, presence_lease_seconds=seconds) for seconds in (90, 60))
    async with presence(long) as one, presence(short) as other, Redis.from_url(web_settings.redis) as redis:
        [group] = groups(web_settings)
        await one.renew([replace(lease, sid="second"), lease])
        seconds = await one.seconds_until_end()
        assert seconds is not None
        assert seconds <= 90
        await other.renew([lease])
        found: Any = await redis.zrange(group.leases, 0, 0, withscores=True)
        seconds = await one.seconds_until_end()
        now, microseconds = map(float, await redis.time())
        assert seconds is not None
        assert seconds >= found[0][1] / 1000 - now - microseconds / 1e6
        assert seconds <= 60


@pytest.fixture
async def relay(account: Account, web_settings: Settings) -> AsyncIterator[None]:
    async with process(web_settings, "relay"):
        async with asyncio.timeout(20):
            while not await account.execute(RELAYING):
                await asyncio.sleep(0.05)
        yield


async def until_confirmed(account: Account, name: str) -> None:
    """Wait until the receipt of an agent's change is removed: from then on, no process publishes it again."""
    redis = Redis.from_url(account.settings.redis)
    member, [group] = f"{account.id}/{account.people[name].id}", groups(account.settings)
    async with asyncio.timeout(20):
        while await redis.zscore(group.unpublished, member) is not None:
            await asyncio.sleep(0.02)
    await redis.aclose()


@pytest.mark.usefixtures("relay")
async def test_change_that_its_process_did_not_publish_is_published_once_by_the_relay(
    account: Account, web_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a change whose process did not receive the answer of Redis."""
    expire = Presence.expire
    monkeypatch.setattr(Presence, "expire", expires_nothing)  # in the process under test, which would publish it
    viewer = await account.connect("viewer")
    lease = Lease(account.id, account.people["agent"].id, "a-socket-of-a-mute-process")
    lasting = replace(web_settings, presence_lease_seconds=60, presence_grace_seconds=0)  # no one renews the lease
    async with presence(lasting) as mute:
        assert await mute.join(lease)
        assert not await mute.join(lease), "the answer to a repeated request"
        assert (await viewer.receives("agent_online"))["status"] == "online"
        await until_confirmed(account, "agent")  # else the relay publishes the next change with this one
        await mute.leave(lease)
        while lease not in await expire(mute):
            pass
        await viewer.receives("agent_offline")
        await until_confirmed(account, "agent")
        await account.connect("admin")
        await viewer.receives("agent_online", agentId=str(account.people["admin"].id))
        assert viewer.names().count("agent_online") == viewer.names().count("agent_offline") == 0, "each of them once"


async def expires_nothing(_: Presence) -> list[Lease]:
    return []


@pytest.mark.usefixtures("relay")
async def test_status_that_its_process_did_not_publish_is_published_once_by_the_relay(
    account: Account, web_settings: Settings
) -> None:
    viewer = await account.connect("viewer")
    agent = await account.connect("agent")
    assert (await viewer.receives("agent_online"))["status"] == "online"
    await until_confirmed(account, "agent")
    async with presence(web_settings) as mute:
        assert await mute.change(account.id, account.people["agent"].id, "busy") == "online"
        assert (await viewer.receives("agent_online"))["status"] == "busy"
        await until_confirmed(account, "agent")
        await agent.do("set_agent_status", {"status": "away"})
        await viewer.receives("agent_status_changed", newStatus="away")
        assert "agent_online" not in viewer.names(), "once"


async def test_stopping_process_asks_clients_to_reconnect(account: Account, web_settings: Settings, node: Node) -> None:
    viewer = await account.connect("viewer")
    lasting = replace(web_settings, presence_lease_seconds=60, presence_grace_seconds=60)
    async with running(lasting, name="stopping") as (url, _):
        agent = await account.client().connect(token=account.token("agent"), url=url)
        await viewer.receives("agent_online")
        sid = agent.socket.get_sid()
    reason = await agent.receives("disconnect_reason")
    assert (reason["code"], reason["reconnect"]) == ("SERVER_SHUTDOWN", True)
    await asyncio.wait_for(agent.gone.wait(), 20)
    again = await account.connect("agent")
    assert await status_of(again, account, "agent") == "online"
    await end_lease(account, sid)
    await node.context.broadcast.broadcast_to_account(account.id, "marker", {})
    await viewer.receives("marker")
    assert viewer.names() == []


async def test_stopping_process_reaches_client_between_two_polls(account: Account, web_settings: Settings) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:

        async def polled() -> str:
            async with http.get(polling) as answer:
                return await answer.text()

        async def polled_late() -> str:
            await asyncio.sleep(0.2)
            return await polled()

        async with running(web_settings, name="stopping") as (url, _):
            polling = f"{url}/socket.io/?EIO=4&transport=polling"
            polling += "&sid=" + json.loads((await polled())[1:])["sid"]
            connect_packet = "40" + json.dumps({"token": account.token("agent")})
            (await http.post(polling, data=connect_packet)).release()
            received = ""
            while '"authenticated"' not in received or '"agent_online"' not in received:
                received += await polled()
            last = asyncio.create_task(polled_late())
        assert "SERVER_SHUTDOWN" in await last


async def test_stopping_process_reaches_client_that_posts_before_polling(
    account: Account, web_settings: Settings
) -> None:
    """A closed process answers further data by a reset, which discards what the client has not read yet."""
    received: list[str] = []

    async def writes_and_then_reads() -> None:
        for _ in range(5):
            await client.send('42["heartbeat"]')
            await asyncio.sleep(0.1)
        client.transport.resume_reading()
        received.extend([str(frame) async for frame in client])

    async with AsyncExitStack() as held:
        port = held.enter_context(reserved("127.0.0.1", 0))
        async with serving(replace(web_settings, port=port), shares_port=True):
            address = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
            client = await held.enter_async_context(open_websocket(address, ping_interval=None, compression=None))
            assert str(await client.recv()).startswith("0")
            await client.send("40" + json.dumps({"token": account.token("agent")}))
            while '"authenticated"' not in str(await client.recv()):
                pass
            client.transport.pause_reading()
            later = asyncio.create_task(writes_and_then_reads())
        await later
    assert any("SERVER_SHUTDOWN" in frame for frame in received)
    assert client.close_code == CloseCode.NORMAL_CLOSURE


async def test_viewers_and_customers_have_no_presence(account: Account) -> None:
    admin = await account.connect("admin")
    await admin.receives("agent_online")
    viewer = await account.connect("viewer")
    customer = await account.connect("customer")
    assert admin.names() == []
    for client in (viewer, customer):
        assert await client.refused("agent_online") == "FORBIDDEN"
        assert await client.refused("set_agent_status", {"status": "away"}) == "FORBIDDEN"
    assert await customer.refused("get_presence") == "FORBIDDEN"


async def test_renewal_of_several_leases_extends_each_of_their_keys(account: Account, web_settings: Settings) -> None:
    people = [account.people[name].id for name in ("agent", "admin")]
    leases = [Lease(account.id, person, f"tab {number}") for person in people for number in range(2)]
    [group] = groups(web_settings)
    keys = [group.leases, group.statuses(account.id), *(group.sockets(account.id, person) for person in people)]
    async with presence(web_settings) as one, Redis.from_url(web_settings.redis) as redis:
        await one.renew(leases)
        for key in keys:
            assert await redis.persist(key), "the key had no expiry"
        await one.renew(leases)
        assert [0 < await redis.ttl(key) <= web_settings.presence_ttl_seconds for key in keys] == [True] * len(keys)
        assert [await one.confirm(account.id, person) for person in people] == ["online", "online"]


async def test_renewal_repairs_what_redis_has_lost_of_a_lease(account: Account, web_settings: Settings) -> None:
    leases = [Lease(account.id, account.people[name].id, "tab") for name in ("agent", "admin")]
    [group] = groups(web_settings)
    statuses, sockets = group.statuses(account.id), [group.sockets(account.id, one.agent_id) for one in leases]
    lasting = replace(web_settings, presence_lease_seconds=60)
    async with presence(lasting) as one, Redis.from_url(web_settings.redis) as redis:
        assert await one.renew(leases) == leases
        assert await one.renew(leases) == []
        await redis.zrem(group.leases, leases[0].member)
        assert await one.renew(leases) == []
        assert await redis.zscore(group.leases, leases[0].member) is not None
        await redis.delete(sockets[1])
        assert await one.renew(leases) == []
        assert await redis.smembers(sockets[1]) == {b"tab"}
        await redis.delete(statuses)
        assert await one.renew(leases) == leases
        assert len(await one.statuses(account.id)) == len(leases)
        assert [await one.confirm(account.id, lease.agent_id) for lease in leases] == ["online", "online"]
