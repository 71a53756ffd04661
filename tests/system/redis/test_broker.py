"""Celery's broker over a Unix socket, TLS and Sentinels."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Consumer, pools
from kombu.exceptions import OperationalError

from hummdesk.bus.commands import Commands
from hummdesk.bus.task_queues import TaskQueues
from hummdesk.core.broker import QUEUE_KEYS, QUEUES, TASKS, configuration
from hummdesk.core.config import Settings
from tests.system.redis import certificates as authorities
from tests.system.redis import servers
from tests.system.redis.certificates import Certificates

pytestmark = [pytest.mark.systems, pytest.mark.usefixtures("patience")]


async def passes_a_task(url: str) -> None:
    """Send a task, find its length in the queue, and receive it, as relay and worker do."""
    settings = Settings(redis_url=url)
    pools.reset()  # kombu keeps connections by their URL, whatever their TLS options are
    app = Celery("test", set_as_current=False)
    app.conf.update(configuration(settings))
    await asyncio.to_thread(app.send_task, TASKS["classification"], args=([],), retry=False)
    queues = TaskQueues(Commands.of(settings.broker))
    assert await queues.length(QUEUE_KEYS["classification"]) == 1
    assert await asyncio.to_thread(_receive, app) == TASKS["classification"]
    assert await queues.length(QUEUE_KEYS["classification"]) == 0
    await queues.close()
    app.close()


def _receive(app: Celery) -> str:
    names: list[str] = []

    def on_message(_body: Any, message: Any) -> None:
        names.append(message.headers["task"])
        message.ack()

    queue = next(queue for queue in app.conf.task_queues if queue.name == QUEUES["classification"])
    with app.connection_for_read() as connection, Consumer(connection, [queue], callbacks=[on_message]):
        while not names:
            connection.drain_events(timeout=10)
    return names[0]


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


@pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")
async def test_broker_with_tls_passes_tasks_and_is_verified(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.standalone(program=servers.SYSTEM, certificates=certificates) as server:
        url = f"rediss://:{server.password}@{server.place}/0"
        with pytest.raises(OperationalError, match="certificate verify failed"):
            await passes_a_task(url)
        await passes_a_task(f"{url}?ssl_ca_certs={certificates.authority}")
        await passes_a_task(f"{url}?ssl_cert_reqs=none")


@pytest.mark.skipif(servers.SYSTEM is None, reason="redis-server is not on the PATH")
async def test_sentinels_with_tls_pass_tasks(certificates: Certificates) -> None:
    assert servers.SYSTEM is not None
    async with servers.sentinels(program=servers.SYSTEM, certificates=certificates) as watched:
        await passes_a_task(watched.url)
