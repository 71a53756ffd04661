"""Half-configured servers are reported in one line with the remedy, and refused where no process can work."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hummdesk.bus.checks import check, check_at_start
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.findings import Finding
from tests.system.redis import certificates as authorities
from tests.system.redis import servers
from tests.system.redis.servers import Cluster, Sentinels

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("Valkey", kind="in all topologies"),
    pytest.mark.usefixtures("patience"),
]


@pytest.fixture(scope="module")
async def watched() -> AsyncIterator[Sentinels]:
    async with servers.sentinels(options=("appendonly yes",)) as made:
        yield made


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    async with servers.cluster(options=("appendonly yes",)) as made:
        yield made


async def findings(url: str) -> list[str]:
    return [str(finding) for finding in await check(Settings(redis_url=url))]


async def refusal(url: str) -> str:
    with pytest.raises(CommandError) as refused:
        await check_at_start(Settings(redis_url=url))
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_sound_topologies_have_no_finding(watched: Sentinels, cluster: Cluster) -> None:
    assert await findings(watched.url) == []
    assert await findings(cluster.url) == []


async def test_replica_given_as_master_is_refused_with_its_master(watched: Sentinels) -> None:
    master = await watched.master()
    [replica] = [server for server in watched.servers if server is not master]
    refused = await refusal(f"redis://:{replica.password}@{replica.place}/0")
    assert refused == f"REDIS_URL: {replica.place} is a replica; name its master, {master.place}"


async def test_unknown_name_of_the_master_and_a_server_that_is_no_sentinel_are_refused(watched: Sentinels) -> None:
    refused = await refusal(watched.url.replace(f"/{servers.MASTER}?", "/other?"))
    assert "knows no master 'other'; correct the name after the hosts" in refused
    server = await watched.master()
    refused = await refusal(f"redis+sentinel://{server.place}/desk?sentinel_password={server.password}")
    assert refused == f"REDIS_URL: {server.place} is no Sentinel; name the Sentinels, whose port is 26379 by default"


async def test_standalone_address_of_a_cluster_and_the_reverse_are_refused(
    watched: Sentinels, cluster: Cluster
) -> None:
    node = cluster.masters[0]
    refused = await refusal(f"redis://:{node.password}@{node.place}/0")
    assert refused == (
        f"REDIS_URL: {node.place} is a node of a Redis Cluster; write redis+cluster:// in place of redis://"
    )
    master = await watched.master()
    refused = await refusal(f"redis+cluster://:{master.password}@{master.place}")
    assert refused == f"REDIS_URL: {master.place} is no node of a cluster; write redis:// in place of redis+cluster://"


async def test_cluster_with_a_missing_slot_is_refused(cluster: Cluster) -> None:
    for server in cluster.servers:
        await server.run("CLUSTER", "DELSLOTS", 0)
    try:
        refused = await refusal(cluster.url)
        assert refused == (
            "REDIS_URL: 1 of the 16384 slots of the cluster have no master; assign them, for instance with "
            "`redis-cli --cluster fix`"
        )
    finally:
        await cluster.masters[0].run("CLUSTER", "ADDSLOTS", 0)


async def test_wrong_password_is_refused_and_an_absent_server_is_waited_for(watched: Sentinels) -> None:
    master = await watched.master()
    assert "refuses the credentials" in await refusal(f"redis://:wrong@{master.place}/0")
    [found] = await check(Settings(redis_url="redis://127.0.0.1:1/0"))
    assert not found.is_fatal
    assert str(found).endswith("; start it, or correct the address")
    await check_at_start(Settings(redis_url="redis://127.0.0.1:1/0"))


async def test_eviction_and_missing_persistence_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    async with servers.standalone("maxmemory 100mb", "maxmemory-policy allkeys-lru") as server:
        url = f"redis://:{server.password}@{server.place}/0"
        assert await check(Settings(redis_url=url)) == [
            Finding(
                "REDIS_URL",
                f"{server.place} evicts keys when its memory is full (allkeys-lru), and so loses events and presence",
                "set maxmemory-policy to noeviction",
            ),
            Finding(
                "REDIS_URL",
                f"{server.place} has no append-only file: after a restart clients load everything again",
                "set appendonly to yes",
            ),
        ]
        await check_at_start(Settings(redis_url=url))
        assert caplog.text.count("redis.check_failed") == 2


@pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")
async def test_certificate_that_is_refused_or_expires_is_reported_with_the_remedy(tmp_path: Path) -> None:
    assert servers.SYSTEM is not None
    certificates = authorities.make(tmp_path)
    async with servers.standalone(program=servers.SYSTEM, certificates=certificates) as server:
        url = f"rediss://:{server.password}@{server.place}/0"
        refused = await refusal(url)
        assert refused.startswith(f"REDIS_URL: the certificate of {server.place} is not valid (")
        assert refused.endswith("; name the file of its authority with ssl_ca_certs=FILE in the URL")
        named = f"rediss://:{server.password}@localhost:{server.port}/0?ssl_ca_certs={certificates.authority}"
        assert (await refusal(named)).endswith("; use a name or an address that is in its certificate")
        expiring = await findings(f"{url}?ssl_ca_certs={certificates.authority}")
        assert (
            f"REDIS_URL: the certificate of {server.place} expires in 0 days; renew it, and check its renewal"
            in expiring
        )
        unverified = await findings(f"{url}?ssl_cert_reqs=none")
        assert any("the certificate is not verified" in one for one in unverified)
