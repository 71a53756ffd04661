"""The lengths of Celery's queues, by the means of the broker.

Relay and workers ask the broker. Web processes have no connection to it: they read what a relay has reported.
"""

from collections.abc import Mapping
from typing import Protocol

from hummdesk.bus.commands import Commands
from hummdesk.core.broker import QUEUE_KEYS, Queue
from hummdesk.core.broker_address import is_amqp
from hummdesk.core.config import Settings

REPORTED = "hummdesk:queue-lengths"


class TaskQueues(Protocol):
    async def length(self, queue: Queue) -> int:
        """The number of tasks that no worker has taken. Raises Unavailable."""

    async def close(self) -> None: ...


class RedisTaskQueues:
    def __init__(self, commands: Commands) -> None:
        """`commands` go to the broker."""
        self._commands = commands

    async def length(self, queue: Queue) -> int:
        return int(await self._commands.run("LLEN", QUEUE_KEYS[queue]))

    async def close(self) -> None:
        await self._commands.close()


def open_task_queues(settings: Settings) -> TaskQueues:
    """Of the broker that BROKER_URL names."""
    if is_amqp(settings.broker):
        from hummdesk.bus.rabbitmq_queues import RabbitmqTaskQueues  # here, because kombu is an optional package

        return RabbitmqTaskQueues(settings)
    return RedisTaskQueues(Commands.of(settings.broker))


class QueueLengths:
    """The lengths that a relay has reported last, in Redis."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def report(self, lengths: Mapping[Queue, int]) -> None:
        """Raises Unavailable."""
        await self._commands.run("HSET", REPORTED, *(part for pair in lengths.items() for part in pair))

    async def total(self) -> int:
        """Raises Unavailable."""
        found = await self._commands.run("HGETALL", REPORTED)
        return sum(int(length) for length in found[1::2])

    async def close(self) -> None:
        await self._commands.close()
