"""A task on its way through a broker, as relay and worker send and receive it."""

import asyncio
from typing import Any

from celery import Celery
from kombu import Consumer, pools

from hummdesk.bus.task_queues import open_task_queues
from hummdesk.core.broker import QUEUES, TASKS, configuration
from hummdesk.core.config import Settings

PATIENCE_SECONDS = 20.0


def sender_to(url: str) -> Celery:
    """A sender like the relay."""
    pools.reset()  # kombu keeps connections by their URL, whatever their TLS options are
    app = Celery("test", set_as_current=False)
    app.conf.update(configuration(Settings(broker_url=url), confirms=True))
    app.conf.broker_connection_timeout = PATIENCE_SECONDS
    return app


async def passes_a_task(url: str) -> None:
    """Send a task, find it in the length of the queue, and receive it."""
    app = sender_to(url)
    await asyncio.to_thread(app.send_task, TASKS["classification"], args=([],), retry=False)
    queues = open_task_queues(Settings(broker_url=url))
    assert await queues.length("classification") == 1
    assert await asyncio.to_thread(_receive, app) == TASKS["classification"]
    assert await queues.length("classification") == 0
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
            connection.drain_events(timeout=PATIENCE_SECONDS)
    return names[0]
