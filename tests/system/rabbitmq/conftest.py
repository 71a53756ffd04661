from collections.abc import AsyncIterator

import pytest

from hummdesk.bus import rabbitmq_checks, rabbitmq_queues
from hummdesk.core import broker
from tests.system.rabbitmq import servers
from tests.system.rabbitmq.servers import Rabbitmq

PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="package")
async def rabbitmq() -> AsyncIterator[Rabbitmq]:
    async with servers.rabbitmq() as made:
        yield made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stands still for some seconds, as on a busy machine, does not count as one that has failed."""
    for module in (broker, rabbitmq_queues):
        monkeypatch.setattr(module, "SOCKET_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(rabbitmq_checks, "CHECK_SECONDS", PATIENCE_SECONDS)
