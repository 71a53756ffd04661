"""The figures of the admin's account and the health of the system."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.config import Settings
from hummdesk.core.models import Role, RunKind
from hummdesk.routing.watch import Figures
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import ai_budgets
from hummdesk.storage.activity import Failure, Runs, activity
from hummdesk.storage.ai_budgets import Budget


async def get_operations(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    account_id, moment = session.authenticated_person.account_id, datetime.now(UTC)
    async with context.database.account(account_id) as tx:
        found = await activity(tx, moment)
        budget = await ai_budgets.own_budget(tx)
    connected = await context.socket_counts.of_account(account_id)
    routed = await context.routing_watch.figures(account_id)
    return {
        "connections": {role: connected.get(role, 0) for role in get_args(Role)},
        "messagesPerSecond": found.messages_per_second,
        "ai": [_figures(kind, runs) for kind, runs in found.runs.items()],
        "aiBudget": _budget(budget, context.settings),
        "failedRuns": [_failed(failure) for failure in found.failures],
        "health": await _health(context, account_id),
        **({} if routed is None else {"routing": _routing(routed)}),
        "timestamp": wire_time(moment),
    }


def _figures(kind: RunKind, runs: Runs) -> Payload:
    figures: Payload = {"processingType": kind, "done": runs.done, "failed": runs.failed, "waiting": runs.waiting}
    if runs.median is not None and runs.slow is not None:
        figures |= {"medianTime": round(runs.median * 1000), "slowTime": round(runs.slow * 1000)}
    return figures


def _routing(figures: Figures) -> Payload:
    return {
        "waiting": figures.waiting,
        "stranded": figures.stranded,
        "aboveCapacity": figures.above_capacity,
        "oldestAccountWait": round(figures.oldest_account_wait * 1000),
        "oldestTeamWait": round(figures.oldest_team_wait * 1000),
    }


def _budget(budget: Budget, settings: Settings) -> Payload:
    limits = budget.limits(settings)
    figures = {"tokens": budget.tokens, "dollars": float(budget.dollars), "refused": budget.refused}
    most = {"dailyTokens": limits.tokens, "dailyDollars": float(limits.dollars)}
    return figures | {name: limit for name, limit in most.items() if limit}


def _failed(failure: Failure) -> Payload:
    return {
        "runId": str(failure.run_id),
        "processingType": failure.kind,
        "error": failure.error,
        "timestamp": wire_time(failure.at),
    }


async def _health(context: ServerContext, account_id: UUID) -> Payload:
    """The lag is that of the account's shard; the queues are summed up, so that they reveal no other account."""
    checks = await context.readiness.checks()
    return {part: state == "ok" for part, state in checks.items()} | {
        "busLag": round(context.reader.lag_seconds(account_id) * 1000),
        "queuedTasks": await context.queue_lengths.total(),
    }
