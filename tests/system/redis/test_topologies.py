"""Each way to run Redis does everything that HummDesk needs. See test_faults.py for those with Valkey, without TLS."""

from pathlib import Path

import pytest

from tests.system.redis import certificates as authorities
from tests.system.redis import servers
from tests.system.redis.certificates import Certificates
from tests.system.redis.flow import everything

pytestmark = [pytest.mark.systems, pytest.mark.usefixtures("patience")]
with_tls = pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o755)
    return authorities.make(folder)


@pytest.mark.parametrize("program", servers.PROGRAMS.values(), ids=servers.PROGRAMS.keys())
async def test_standalone_server_does_everything(program: Path) -> None:
    async with servers.standalone(program=program) as server:
        await everything(f"redis://:{server.password}@{server.place}/0")


async def test_server_on_a_unix_socket_does_everything(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    async with servers.standalone(f"unixsocket {socket}") as server:
        await everything(f"unix://:{server.password}@{socket}?db=1")


@with_tls
async def test_standalone_server_with_tls_does_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.standalone(program=servers.SYSTEM, certificates=certificates) as server:
        await everything(f"rediss://:{server.password}@{server.place}/0?ssl_ca_certs={certificates.authority}")


@with_tls
async def test_sentinels_and_master_with_tls_do_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.sentinels(program=servers.SYSTEM, certificates=certificates) as watched:
        await everything(watched.url)


@with_tls
async def test_cluster_with_tls_does_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.cluster(program=servers.SYSTEM, certificates=certificates) as found:
        await everything(found.url)
