"""The number of shards is raised under load: nothing acknowledged is lost, repeated or out of order."""

import asyncio

import pytest

from hummdesk.bus.commands import Commands
from hummdesk.bus.presence import Presence
from hummdesk.bus.shards import SHARDS, Shard, shard_of
from hummdesk.bus.splitting import ShardSplitter
from hummdesk.operator import shards
from tests.system.chaos.client import RESYNC
from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.load import Load, load
from tests.system.chaos.report import Row, row
from tests.system.redis import servers
from tests.system.redis.test_faults import SENT, reaches, seconds_until_delivered

pytestmark = [pytest.mark.systems, pytest.mark.timeout(240)]

TWICE = 2 * SHARDS
ACCOUNTS = 4
CUTS = 10


async def cut_connections(traffic: Load) -> None:
    """Cut the connection of each client, one after the other."""
    for client in traffic.clients[:CUTS]:
        client.cut()
        await reaches(traffic, len(traffic.acknowledged) + 2)


def note_sessions(found: Row, traffic: Load) -> None:
    moved = sum(shard_of(one, TWICE) != shard_of(one) for one in traffic.accounts)
    found.note(f"{moved} of {len(traffic.accounts)} accounts moved")
    found.note(f"{sum(client.recoveries for client in traffic.clients)} recovered")
    found.note(f"{sum(RESYNC in client.disconnect_codes for client in traffic.clients)} resynchronized")


async def online(deployment: Deployment, traffic: Load) -> int:
    presence = Presence(Commands.of(deployment.settings.redis), deployment.settings)
    statuses = [await presence.statuses(account) for account in traffic.accounts]
    await presence.close()
    return sum(status == "online" for found in statuses for status in found.values())


@pytest.mark.engine("Valkey", kind="as a cluster")
async def test_shards_doubled_under_load_lose_no_acknowledged_message() -> None:
    async with servers.cluster() as cluster, deploy(redis_url=cluster.url) as deployment:
        with row("40", "number of shards doubled, connections cut meanwhile") as found:
            async with load(deployment, accounts=ACCOUNTS) as traffic:
                async with traffic.sending():
                    await reaches(traffic, SENT)
                    before = await online(deployment, traffic)
                    doubling = asyncio.create_task(shards.doubled(deployment.settings, TWICE, all_upgraded=True))
                    await cut_connections(traffic)
                    assert await doubling == {"shards": TWICE, "ready": TWICE}
                    back = await seconds_until_delivered(traffic)
                    found.measure("agents offline", before - await online(deployment, traffic))
                await traffic.compare(found)
                note_sessions(found, traffic)
                found.note(f"new messages delivered after {back:.2f} s")


@pytest.mark.engine("Valkey")
async def test_interrupted_command_and_killed_web_process_do_not_stop_the_doubling_of_shards() -> None:
    async with deploy() as deployment:
        splitter = ShardSplitter(Commands.of(deployment.settings.redis))
        with row("40", "number of shards doubled, command and web process killed in between") as found:
            async with load(deployment, accounts=ACCOUNTS) as traffic:
                async with traffic.sending():
                    await reaches(traffic, SENT)
                    await splitter.begin(Shard(SHARDS))
                    for number in range(1, SHARDS, 2):  # the new shards of these have not begun
                        await splitter.split(Shard(number), TWICE)
                    await deployment.kill("web-1")
                    await deployment.rows("INSERT INTO event_stream (shards) VALUES (%s)", TWICE)

                    async def is_complete() -> bool:
                        return await splitter.missing(TWICE) == []

                    await servers.until(is_complete)
                    await deployment.start_web(1)
                    await seconds_until_delivered(traffic)
                await traffic.compare(found)
                note_sessions(found, traffic)
        await splitter.close()
