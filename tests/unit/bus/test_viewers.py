import pytest

from hummdesk.bus.commands import BATCH
from hummdesk.bus.viewers import View, ViewerLeases
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from tests.unit.bus.failing_commands import FailingCommands


async def test_renewal_stops_at_the_first_batch_that_fails() -> None:
    commands = FailingCommands()
    leases = ViewerLeases(commands, lease_seconds=1)  # type: ignore[arg-type]
    views = [View(new_id(), new_id(), new_id(), "sid", "Agent") for _ in range(3 * BATCH)]
    with pytest.raises(Unavailable):
        await leases.renew(views)
    assert commands.number == BATCH
