"""The lengths of Celery's queues in RabbitMQ."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kombu import Connection

from hummdesk.core.broker import QUEUES, SOCKET_SECONDS, Queue, connection
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable


class RabbitmqTaskQueues:
    """A connection of its own, in a thread of its own, because kombu blocks."""

    def __init__(self, settings: Settings) -> None:
        given = connection(settings)
        self._connection = Connection(
            given["broker_url"],
            ssl=given.get("broker_use_ssl", False),
            transport_options=given["broker_transport_options"],
            connect_timeout=SOCKET_SECONDS,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rabbitmq")

    async def length(self, queue: Queue) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._length, QUEUES[queue])

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.release)
        self._thread.shutdown()

    def _length(self, name: str) -> int:
        """Declare the queue as Celery does, which returns the number of its ready messages."""
        try:
            hosts = len(self._connection.alt)
            self._connection.ensure_connection(max_retries=hosts, interval_start=0, reraise_as_library_errors=False)
            channel: Any = self._connection.default_channel
            declared = channel.queue_declare(queue=name, durable=True, auto_delete=False)
            return int(declared.message_count)
        except (*self._connection.connection_errors, *self._connection.channel_errors) as error:
            self._connection.collect()
            raise Unavailable from error
