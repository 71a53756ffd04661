"""A provider outside, asked on a server that plays its protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from hummdesk.ai import providers
from hummdesk.ai.external.provider import OutsideProvider
from hummdesk.ai.protocol import Context, IncomingMessage, Team
from hummdesk.core.config import Settings
from hummdesk.core.models import ModelCall
from tests.integration.ai.fake_provider import Played

MESSAGE = IncomingMessage(content="I was charged twice for my order!", customer_name="Hugo Marchetti")
SUPPORT = Team(id=UUID(int=1), name="Billing", agent_ids=(UUID(int=11), UUID(int=12)))
CONTEXT = Context(teams=(SUPPORT,), online=frozenset({UUID(int=12)}))


class WorkerContext:
    """A provider on a played server, with its books."""

    def __init__(self, played: Played, **changes: Any) -> None:
        self.outside = providers.Outside(played.protocol, Settings(**(played.settings() | changes)))
        self.calls: list[ModelCall] = []

    @property
    def provider(self) -> OutsideProvider:
        return self.outside.provider(note=self.calls.append)

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


@asynccontextmanager
async def asking(played: Played, **changes: Any) -> AsyncIterator[WorkerContext]:
    desk = WorkerContext(played, **changes)
    yield desk
    await desk.outside.close()
