"""Celery's broker over a Unix socket, TLS and Sentinels."""

from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from tests.system.broker_tasks import passes_a_task
from tests.system.redis import certificates as authorities
from tests.system.redis import servers
from tests.system.redis.certificates import Certificates

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("Valkey", kind="as broker"),
    pytest.mark.usefixtures("patience"),
]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return authorities.make(tmp_path_factory.mktemp("certificates"))


async def test_broker_on_a_unix_socket_passes_tasks(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    async with servers.standalone(f"unixsocket {socket}") as server:
        await passes_a_task(f"unix://:{server.password}@{socket}?db=2")


async def test_broker_that_sentinels_name_passes_tasks() -> None:
    async with servers.sentinels() as watched:
        await passes_a_task(watched.url)


@pytest.mark.engine("Redis", kind="as broker with TLS")
@pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")
async def test_broker_with_tls_passes_tasks_and_is_verified(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.standalone(program=servers.SYSTEM, certificates=certificates) as server:
        url = f"rediss://:{server.password}@{server.place}/0"
        with pytest.raises(OperationalError, match="certificate verify failed"):
            await passes_a_task(url)
        await passes_a_task(f"{url}?ssl_ca_certs={certificates.authority}")
        await passes_a_task(f"{url}?ssl_cert_reqs=none")


@pytest.mark.engine("Redis", kind="as broker with TLS")
@pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")
async def test_sentinels_with_tls_pass_tasks(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.sentinels(program=servers.SYSTEM, certificates=certificates) as watched:
        await passes_a_task(watched.url)
