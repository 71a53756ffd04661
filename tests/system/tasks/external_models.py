"""Accounts with external models: what the tests of their events, costs and fallback share."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hummdesk.core.config import Settings
from hummdesk.core.models import Message
from hummdesk.operator import ai_providers
from tests.conftest import Servers
from tests.integration.ai.fake_api import DRAFT, PROTOCOLS, FakeApi, Protocol, serve_fake_api
from tests.system.tasks.conftest import PATIENT, Pipeline, fast_failing, pipeline_of, private_redis

QUESTION = "I was charged twice, write to hugo@private.example!"
GOOD = DRAFT | {"content": "Hi [NAME_1], this is what we know."}


@dataclass(frozen=True)
class ExternalWorkers:
    """Relay and workers, with a fake API of each external model."""

    settings: Settings
    marks: Path
    apis: dict[Protocol, FakeApi]

    @asynccontextmanager
    async def account(self, protocol: Protocol) -> AsyncIterator[tuple[Pipeline, FakeApi]]:
        """A new account that has chosen this model."""
        async with pipeline_of(self.settings, self.marks) as pipeline:
            with_key = replace(self.settings, anthropic_api_key="sk-secret-key", openai_api_key="sk-secret-key")
            await ai_providers.provider(with_key, pipeline.customer.account_id, protocol)
            api = self.apis[protocol]
            api.released.clear()
            yield pipeline, api


@asynccontextmanager
async def external_workers(
    settings: Settings,
    servers: Servers,
    template: str,
    marks: Path,
    *,
    variables: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[ExternalWorkers]:
    """Start relay and workers in a new database; workers with both clients take seconds to start."""
    async with AsyncExitStack() as held:
        name = await servers.clone(template)
        held.push_async_callback(servers.drop, name)
        quick = fast_failing(settings, servers.cluster.url(name), await private_redis(settings))
        relaxed = dict(PATIENT)
        apis = {protocol: await held.enter_async_context(serve_fake_api(protocol)) for protocol in PROTOCOLS}
        for api in apis.values():
            relaxed |= {key: value for key, value in api.settings().items() if key != "ai_provider"}
        first = await held.enter_async_context(pipeline_of(replace(quick, **(relaxed | changes)), marks))
        first.variables |= variables or {}
        await held.enter_async_context(first.relay())
        await held.enter_async_context(first.worker())
        yield ExternalWorkers(first.settings, marks, apis)


async def payloads_of(pipeline: Pipeline, message: Message, *kinds: str) -> dict[str, dict[str, Any]]:
    """The payloads by event until these runs have ended; the first ones wait for the start of the workers."""
    return {event.event: event.data for event in await pipeline.ended(message, *kinds)}


async def recorded_calls(pipeline: Pipeline, message: Message) -> list[dict[str, Any]]:
    """The recorded model calls for a message, in order."""
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT ai_runs.kind, ai_calls.* FROM ai_calls JOIN ai_runs ON ai_runs.id = ai_calls.run_id
            WHERE ai_runs.message_id = %s ORDER BY ai_calls.created_at, ai_calls.id""",
            (message.id,),
        )
        return [row async for row in found]


async def results(pipeline: Pipeline, message: Message) -> dict[str, Any]:
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT ai_runs.kind, payload FROM ai_results JOIN ai_runs ON ai_runs.id = ai_results.run_id
            WHERE ai_runs.message_id = %s""",
            (message.id,),
        )
        return {row["kind"]: row["payload"] async for row in found}


def outcomes(calls: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(call["kind"], call["outcome"], call["fallback"]) for call in calls]
