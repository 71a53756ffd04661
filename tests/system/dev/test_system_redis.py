"""The home of an `up` and the Redis of the system, which is older than the bundled server."""

import shutil
from pathlib import Path

import pytest
from redis.asyncio import Redis

from hummdesk.core.errors import CommandError
from hummdesk.dev import redis

PROGRAM = shutil.which("redis-server")
pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("Redis", "Valkey"),
    pytest.mark.skipif(PROGRAM is None, reason="redis-server is not on the PATH"),
]


async def fill(server: redis.Server, folder: Path) -> None:
    """Write each type of value that HummDesk uses, and rewrite the files in the server's own format."""
    process = await redis.start(server, folder)
    async with Redis.from_url(server.url) as client:
        await client.lpush("queue", "one")
        await client.xadd("stream", {"event": "one"}, id="1-1")
        await client.hset("hash", "field", "value")
        await client.zadd("leases", {"socket": 1})
        await client.bgrewriteaof()
        while (await client.info("persistence"))["aof_rewrite_in_progress"]:
            pass
    await process.stop()


async def holds_everything(server: redis.Server, folder: Path) -> bool:
    process = await redis.start(server, folder)
    async with Redis.from_url(server.url) as client:
        found = [
            await client.lrange("queue", 0, -1),
            await client.xrange("stream"),
            await client.hgetall("hash"),
            await client.zrange("leases", 0, -1, withscores=True),
        ]
    await process.stop()
    return found == [[b"one"], [(b"1-1", {b"event": b"one"})], {b"field": b"value"}, [(b"socket", 1.0)]]


async def test_home_of_the_bundled_server_is_kept_after_installing_redis(folder: Path) -> None:
    server = redis.prepare(folder)
    await fill(server, folder)
    again = redis.prepare(folder, server.url)
    assert again.program == server.program
    assert await holds_everything(again, folder)


async def test_home_of_the_bundled_server_without_it_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = redis.prepare(folder)
    await fill(server, folder)
    monkeypatch.setattr(redis, "BUNDLED", {})
    with pytest.raises(
        CommandError, match=rf"written by {server.program.version}, and redis .* cannot read it: delete"
    ):
        redis.prepare(folder, server.url)
    (folder / "redis" / "written-by").unlink()
    with pytest.raises(CommandError, match=r"written by an unknown version, and redis .* cannot read it .*: delete"):
        await redis.start(redis.prepare(folder, server.url), folder)


async def test_home_of_the_systems_redis_is_read_by_the_bundled_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(redis, "BUNDLED", {})
        server = redis.prepare(folder)
        assert str(server.program.path) == PROGRAM
        await fill(server, folder)
    again = redis.prepare(folder, server.url)
    assert again.program != server.program
    assert await holds_everything(again, folder)
