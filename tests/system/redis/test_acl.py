"""The users of docs/redis.md may do everything that HummDesk and Celery do, and no more."""

from pathlib import Path

import pytest
from redis import exceptions

from hummdesk.bus.client import connect
from tests.system.chaos.deployment import RELAY, WEB, Deployment, deploy
from tests.system.chaos.load import load
from tests.system.chaos.report import row
from tests.system.redis import servers
from tests.system.redis.flow import everything
from tests.system.redis.servers import Server

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("Valkey", kind="with ACL users"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("patience"),
]
PAGE = Path(__file__).parents[3] / "docs" / "redis.md"
USERS = [line.split() for line in PAGE.read_text().splitlines() if line.startswith("user ")]


async def create_users(server: Server) -> None:
    for _, *rules in USERS:
        await server.run("ACL", "SETUSER", *(rule.replace("PASSWORD", server.password) for rule in rules))


async def refused(server: Server) -> list[object]:
    """What the users were refused."""
    async with server.client() as client:
        return [(entry["username"], entry["object"], entry["reason"]) for entry in await client.acl_log()]


async def test_documented_users_may_do_what_all_processes_do() -> None:
    async with servers.standalone() as server:
        await create_users(server)
        urls = [f"redis://{name}:{server.password}@{server.place}/0" for name in ("hummdesk", "celery")]
        await everything(urls[0])
        async with deploy(starts=(WEB, RELAY), redis_url=urls[0], broker_url=urls[1]) as deployment:
            await deployment.start_workers()
            with row("-", "users with the least rights, no fault") as found:
                async with load(deployment) as traffic:
                    async with traffic.sending():
                        await servers.until(lambda: has_finished(deployment))
                    await traffic.compare(found)
        assert await refused(server) == []


async def has_finished(deployment: Deployment) -> bool:
    """Whether a worker has finished an AI run."""
    return bool(await deployment.rows("SELECT 1 FROM ai_runs WHERE status = 'done' LIMIT 1"))


@pytest.mark.engine("Valkey", kind="as a cluster with ACL users")
async def test_documented_users_may_do_it_in_a_cluster() -> None:
    async with servers.cluster() as found:
        for server in found.servers:
            await create_users(server)
        await everything(found.url.replace("://:", "://hummdesk:"))
        assert [await refused(server) for server in found.servers] == [[]] * len(found.servers)


async def test_documented_users_may_not_do_more() -> None:
    async with servers.standalone() as server:
        await create_users(server)
        for name in ("hummdesk", "celery"):
            connection = connect(f"redis://{name}:{server.password}@{server.place}/0")
            for command in ("FLUSHALL", "CONFIG GET *", "GET other", "KEYS *", "ACL LIST"):
                with pytest.raises(exceptions.NoPermissionError):
                    await connection.request(tuple(command.split()))
            await connection.close()
