"""RabbitMQ as Celery's broker, in plain text, over TLS, on several hosts, and when it stands still."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from hummdesk.bus.task_queues import open_task_queues
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.relay.dispatcher import Dispatcher
from tests.system.broker_tasks import passes_a_task, sender_to
from tests.system.rabbitmq import servers
from tests.system.rabbitmq.servers import Rabbitmq

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("RabbitMQ"),
    pytest.mark.skipif(not servers.IS_INSTALLED, reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(120),
]

T = TypeVar("T")


def connect(url: str) -> None:
    """Connect as Celery does."""
    app = sender_to(url)
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=0)
    app.close()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("vhost", [servers.VHOST, "%2F"])
async def test_rabbitmq_passes_tasks_in_each_virtual_host(rabbitmq: Rabbitmq, vhost: str) -> None:
    await passes_a_task(rabbitmq.url_of(vhost=vhost))


@pytest.mark.usefixtures("patience")
async def test_rabbitmq_with_tls_passes_tasks_and_is_verified(rabbitmq: Rabbitmq) -> None:
    trusted = f"{rabbitmq.tls_url}?ssl_ca_certs={rabbitmq.certificates.authority}"
    with pytest.raises(OperationalError, match="certificate verify failed"):
        await asyncio.to_thread(connect, rabbitmq.tls_url)
    with pytest.raises(OperationalError, match="Hostname mismatch"):
        await asyncio.to_thread(connect, trusted.replace("127.0.0.1", "localhost"))
    await passes_a_task(trusted)
    await passes_a_task(f"{rabbitmq.tls_url}?ssl_cert_reqs=none")


@pytest.mark.usefixtures("patience")
async def test_rabbitmq_behind_a_host_that_does_not_answer_passes_tasks(rabbitmq: Rabbitmq) -> None:
    await passes_a_task(rabbitmq.url_of(place=f"127.0.0.1:1,{rabbitmq.place}"))


class NoDatabase:
    def shared(self) -> None:
        """The test replaces what would use it."""


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """Call it until the server answers in time: it stands still for seconds on a busy machine, too."""
    async with asyncio.timeout(60):
        while True:
            with suppress(OperationalError, Unavailable):
                return await call()


@pytest.mark.parametrize("has_tls", [False, True])
async def test_rabbitmq_that_stands_still_blocks_neither_relay_nor_length(
    rabbitmq: Rabbitmq, monkeypatch: pytest.MonkeyPatch, has_tls: bool
) -> None:
    """Both have a connection already."""

    async def unlearned_accounts(_tx: object, *, limit: int) -> list[UUID]:
        return [new_id()]

    monkeypatch.setattr("hummdesk.storage.past_answers.unlearned_accounts", unlearned_accounts)
    trusted = f"{rabbitmq.tls_url}?ssl_ca_certs={rabbitmq.certificates.authority}"
    settings = Settings(broker_url=trusted if has_tls else rabbitmq.url)
    queues = open_task_queues(settings)
    relay = Dispatcher(settings, cast(Any, NoDatabase()), queues, cast(Any, None), reported=cast(Any, None))
    await repeated(relay.update_knowledge)
    before = await repeated(lambda: queues.length("bulk"))
    assert before >= 1
    server = rabbitmq.processes["rabbitmq"].pid
    os.kill(server, signal.SIGSTOP)
    try:
        errors = await asyncio.gather(relay.update_knowledge(), queues.length("bulk"), return_exceptions=True)
    finally:
        os.kill(server, signal.SIGCONT)
    assert [type(error) for error in errors] == [OperationalError, Unavailable]
    await repeated(relay.update_knowledge)
    assert await repeated(lambda: queues.length("bulk")) > before
    await asyncio.to_thread(purge, rabbitmq.url)
    await queues.close()


def purge(url: str) -> None:
    with Connection(url) as connection:
        channel: Any = connection.default_channel
        channel.queue_purge("ai.bulk")
