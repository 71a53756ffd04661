"""Asking the provider of an account for a draft, for an AI run or a simulation."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.ai.embedded.retrieval import queries_of
from hummdesk.ai.message_text import message_text
from hummdesk.ai.protocol import Context, Draft, IncomingMessage, Knowledge, Show, show_nothing
from hummdesk.ai.text import one_line
from tasks.context import WorkerContext
from tasks.provider_choice import ProviderAnswer
from tasks.provider_policy import Request

HISTORY_LIMIT = 20
"""Earlier messages of the conversation that a draft needs."""


async def ask_for_draft(
    worker: WorkerContext,
    request: Request,
    message: IncomingMessage,
    context: Context,
    *,
    show: Show = show_nothing,
    without: Collection[UUID] = (),
) -> ProviderAnswer[Draft]:
    """Ask the provider of an account for a draft from its knowledge; `without`: past answers that are left out."""
    if worker.providers.name_for(request) != "embedded":
        context = replace(context, profile=await knowledge_base.profile(worker.database, request.account_id))
    known = await known_for(worker, request.account_id, message, context, without=without)
    return await worker.providers.ask(request, lambda provider: provider.draft(message, context, known, show=show))


async def known_for(
    worker: WorkerContext,
    account_id: UUID,
    message: IncomingMessage,
    context: Context,
    *,
    without: Collection[UUID],
) -> Knowledge:
    """Find the sources of the account that are nearest to a message and what was said before it."""
    queries = [query.text for query in queries_of(one_line(message_text(message)), context.history)]
    return await knowledge_base.find(worker.database, account_id, queries, without=without)
