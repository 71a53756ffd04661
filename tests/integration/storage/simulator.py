"""Simulations without processes: a worker that runs the steps which the relay would send, with a scripted provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from hummdesk.ai.protocol import Citation, Context, Draft, IncomingMessage, Knowledge, Provider
from hummdesk.bus.task_queues import TaskQueues
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.core.models import ModelCall, TokenUsage
from hummdesk.storage import simulations
from hummdesk.storage.database import Database
from hummdesk.storage.simulations import Simulation
from tasks import simulation as steps
from tasks.context import WorkerContext
from tasks.provider_choice import ProviderAnswer, ProviderSelector
from tests.integration.storage.conftest import Account

PAST = datetime.now(UTC) - timedelta(days=1)
QUESTION = "How long can I return boots?"
ARTICLE = new_id()


@dataclass
class Selector:
    """Answers from a script, in place of the providers of a worker."""

    reply: str | None = "You have 14 days."
    confidence: float = 0.8
    cost: str | None = None
    fallback: str | None = None
    error: Exception | None = None
    asked: list[tuple[IncomingMessage, Context]] = field(default_factory=list)

    name = "scripted"

    def name_for(self, request: Any) -> str:
        return self.name

    async def ask(self, request: Any, call: Callable[[Provider], Awaitable[Any]]) -> ProviderAnswer[Any]:
        value = await call(cast(Provider, self))
        calls = () if self.cost is None else (model_call(self.cost),)
        return ProviderAnswer(value=value, provider=self.name, fallback=self.fallback, calls=calls)

    async def draft_batches(self, request: Any, *, is_in_progress: bool) -> None:
        """It has no batch interface."""

    async def draft(self, message: IncomingMessage, context: Context, known: Knowledge, *, show: object) -> Draft:
        self.asked.append((message, context))
        if self.error is not None:
            raise self.error
        citations = (Citation(kind="article", title="Returns", id=str(ARTICLE)),)
        return Draft(content=self.reply, confidence=self.confidence, reasoning="", citations=citations)


def model_call(cost: str) -> ModelCall:
    return ModelCall(
        provider="openai",
        model="m",
        prompt="p",
        outcome="ok",
        usage=TokenUsage(input=1, output=1),
        cost=Decimal(cost),
        seconds=0.1,
    )


@dataclass
class Queues:
    waiting: int = 0

    async def length(self, _queue: str) -> int:
        return self.waiting


@dataclass
class Simulator:
    """A worker in this process, which runs the steps that the relay would send."""

    account: Account
    relay: Database
    worker: Database
    providers: Selector = field(default_factory=Selector)
    external: ProviderSelector | None = None
    """In place of the scripted provider."""
    settings: Settings = field(default_factory=Settings)
    queues: Queues = field(default_factory=Queues)

    @property
    def context(self) -> WorkerContext:
        return WorkerContext(
            settings=self.settings,
            database=self.worker,
            broadcast=cast(Any, None),
            progress=cast(Any, None),
            assists=cast(Any, None),
            queues=cast(TaskQueues, self.queues),
            providers=self.external or cast(Any, self.providers),
        )

    async def start(self, **limits: Any) -> UUID:
        given: dict[str, Any] = {"since": PAST, "max_conversations": 50, "max_dollars": Decimal(1), "provider": None}
        given |= limits
        async with self.account.tx() as tx:
            return (await simulations.start(tx, self.account.admin, id=new_id(), **given)).id

    async def due(self) -> list[tuple[UUID, UUID, int]]:
        async with self.relay.all_accounts() as tx:
            found = await simulations.take_due(tx, limit=100, lease_seconds=60)
        return [one for one in found if one[0] == self.account.id]

    async def run(self, simulation: UUID, *, most: int = 100) -> Simulation:
        for _ in range(most):
            for account_id, simulation_id, step in await self.due():
                await steps.run_step(self.context, account_id, simulation_id, step)
            if (found := await self.get(simulation)).finished_at is not None:
                break
        return found

    async def run_due(self) -> None:
        """Run the next step at once, although it is due later."""
        await self.account.execute(
            "UPDATE ai_simulations SET due_at = now() WHERE account_id = %(account)s AND due_at IS NOT NULL"
        )
        for step in await self.due():
            await steps.run_step(self.context, *step)

    async def get(self, simulation: UUID) -> Simulation:
        async with self.account.tx() as tx:
            return await simulations.get(tx, simulation)

    async def figures(self, simulation: UUID) -> dict[str, Any]:
        async with self.account.tx() as tx:
            return await simulations.figures(tx, simulation)

    async def drafts(self, simulation: UUID) -> list[dict[str, Any]]:
        async with self.account.tx() as tx:
            return (await simulations.drafts(tx, simulation, category=None, limit=50, cursor=None))[0]


async def close(account: Account) -> None:
    await account.execute(
        "UPDATE conversations SET status = 'closed' WHERE account_id = %(account)s AND status <> 'closed'"
    )


async def talk(account: Account, reply: str = "Hello, you have 14 days to return boots.") -> UUID:
    """A closed conversation with a question in two messages, its answer, and a second question with its answer."""
    conversation = await account.start(account.customer)
    here: dict[str, Any] = {"conversation_id": conversation}
    await account.send(account.customer, "Hello", **here)
    await account.send(account.customer, QUESTION, **here)
    await account.send(account.agent, "They mean boots", private=True, **here)
    await account.send(account.agent, reply, **here)
    await account.send(account.agent, "Is there anything else?", **here)
    await account.send(account.customer, "And abroad?", **here)
    await account.send(account.colleague, "Abroad it costs 5 EUR.", **here)
    await close(account)
    return conversation
