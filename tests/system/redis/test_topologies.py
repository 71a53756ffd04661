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


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=name, marks=pytest.mark.engine(name.title(), kind="as a single server"))
        for name, program in servers.PROGRAMS.items()
    ],
)
async def test_standalone_server_does_everything(program: Path) -> None:
    async with servers.standalone(program=program) as server:
        await everything(f"redis://:{server.password}@{server.place}/0")


@pytest.mark.engine("Valkey", kind="on a Unix socket")
async def test_server_on_a_unix_socket_does_everything(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    async with servers.standalone(f"unixsocket {socket}") as server:
        await everything(f"unix://:{server.password}@{socket}?db=1")


@with_tls
@pytest.mark.engine("Redis", kind="as a single server with TLS")
async def test_standalone_server_with_tls_does_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.standalone(program=servers.SYSTEM, certificates=certificates) as server:
        await everything(f"rediss://:{server.password}@{server.place}/0?ssl_ca_certs={certificates.authority}")


@with_tls
@pytest.mark.engine("Redis", kind="with Sentinels and TLS")
async def test_sentinels_and_master_with_tls_do_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.sentinels(program=servers.SYSTEM, certificates=certificates) as watched:
        await everything(watched.url)


@with_tls
@pytest.mark.engine("Redis", kind="as a cluster with TLS")
async def test_cluster_with_tls_does_everything(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.cluster(program=servers.SYSTEM, certificates=certificates) as found:
        await everything(found.url)
