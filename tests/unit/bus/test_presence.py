import asyncio

from hummdesk.bus.presence import BATCH, Lease, Presence
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from tests.unit.bus.failing_commands import FailingCommands


async def test_leases_that_wait_while_a_batch_fails_are_not_sent() -> None:
    commands = FailingCommands()
    presence = Presence(commands, Settings())  # type: ignore[arg-type]
    joins = (presence.join(Lease(new_id(), new_id(), "sid")) for _ in range(3 * BATCH))
    failed = await asyncio.gather(*joins, return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in failed)
    assert commands.number == 1
