"""The lengths of Celery's queues in Redis."""

from hummdesk.bus.commands import Commands


class TaskQueues:
    def __init__(self, commands: Commands) -> None:
        """`commands` go to the broker."""
        self._commands = commands

    async def length(self, key: str) -> int:
        """The number of tasks that no worker has taken. Raises Unavailable."""
        return int(await self._commands.run("LLEN", key))

    async def close(self) -> None:
        await self._commands.close()
