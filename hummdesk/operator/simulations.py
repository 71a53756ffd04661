"""Simulations of an account's drafts on its closed conversations: start, watch, show, cancel."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.ids import new_id
from hummdesk.operator.tables import aligned
from hummdesk.storage import simulations
from hummdesk.storage.database import Database, operator
from hummdesk.storage.simulations import Batch, Simulation

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
CANCEL_SECONDS = 30.0
"""Longest wait of an erasure for workers that cancel batches."""
HEADINGS = ("", "questions", "drafted", "facts", "kept", "other", "distance", "words", "reply", "cost")
CURVE_HEADINGS = ("confidence", "drafted", "of", "facts", "kept", "all facts kept")
KNOWLEDGE_OF_NOW = (
    "Each draft is made from the conversation as it was before the reply, and from the current knowledge, "
    "without what was learned from the same conversation."
)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

Echo = Callable[[str], None]


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """The time that `30d`, `12h` or `4w` before now, or an ISO date, names. Raises CommandError."""
    now = now or datetime.now(UTC)
    if found := re.fullmatch(r"(\d{1,4})([hdw])", text):
        return now - int(found[1]) * _UNITS[found[2]]
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither like 30d, 12h or 4w nor a date") from None
    return since if since.tzinfo else since.replace(tzinfo=UTC)


async def simulate(
    settings: Settings,
    account_id: UUID,
    *,
    since: str,
    conversations: int,
    dollars: Decimal,
    provider: str | None,
    as_json: bool,
    echo: Echo,
    progress: Echo,
) -> None:
    """Start a simulation, wait until it has ended, and print its result. Raises CommandError, NotFound."""
    start_of_range = moment(since)
    async with operator(settings) as database:
        async with database.account(account_id) as tx:
            started = await simulations.start(
                tx,
                None,
                id=new_id(),
                since=start_of_range,
                max_conversations=conversations,
                max_dollars=dollars,
                provider=provider,
            )
        progress(f"Simulation {started.id}; the relay and a worker must run.")
        await _wait(database, account_id, started.id, progress)
        await _print(database, account_id, started.id, as_json=as_json, echo=echo)


async def show(settings: Settings, account_id: UUID, simulation_id: UUID, *, as_json: bool, echo: Echo) -> None:
    """Print the result of a simulation so far. Raises NotFound."""
    async with operator(settings) as database:
        await _print(database, account_id, simulation_id, as_json=as_json, echo=echo)


async def cancel(settings: Settings, account_id: UUID, simulation_id: UUID, *, echo: Echo) -> None:
    """End a simulation. Raises NotFound."""
    async with operator(settings) as database, database.account(account_id) as tx:
        echo(_line(await simulations.cancel(tx, None, simulation_id)))


async def cancel_batches(database: Database, account_id: UUID) -> None:
    """End the simulations of an account that is erased, and wait until workers have cancelled their batches.

    Without a worker, the batches stay at their providers, and are logged.
    """
    async with database.account(account_id) as tx:
        ended = await simulations.end_all(tx)
    until, left = time.monotonic() + CANCEL_SECONDS, list[Batch]()
    while ended:
        async with database.account(account_id) as tx:
            left = await simulations.without_step(tx, ended)
        if not left or time.monotonic() > until:
            break
        await asyncio.sleep(POLL_SECONDS)
    for batch in left:
        log.warning("erasure.batch_not_cancelled", extra={"batch_id": batch.id, "provider": batch.provider})


async def _wait(database: Database, account_id: UUID, simulation_id: UUID, progress: Echo) -> None:
    shown = ""
    while True:
        async with database.account(account_id) as tx:
            found = await simulations.get(tx, simulation_id)
        if (line := _line(found)) != shown:
            progress(shown := line)
        if found.finished_at is not None:
            return
        await asyncio.sleep(POLL_SECONDS)


async def _print(database: Database, account_id: UUID, simulation_id: UUID, *, as_json: bool, echo: Echo) -> None:
    async with database.account(account_id) as tx:
        found = await simulations.get(tx, simulation_id)
        result = found.wire() | await simulations.figures(tx, simulation_id)
    for line in [json.dumps(result)] if as_json else report(found, result):
        echo(line)


def report(simulation: Simulation, result: dict[str, Any]) -> list[str]:
    """The result as tables: by category, source and answer, and the curve."""
    rows = [HEADINGS, _row("all", result["total"])]
    rows += [_row(f"category {one['category']}", one) for one in result["categories"]]
    rows += [_row(f"{one['kind']} {one.get('title', one.get('id', ''))}"[:60], one) for one in result["sources"]]
    rows += [_row("first answers" if one["isFirst"] else "later answers", one) for one in result["answers"]]
    curve = [CURVE_HEADINGS, *(_point(one) for one in result["curve"])]
    return [_line(simulation), KNOWLEDGE_OF_NOW, "", *aligned(rows), "", *aligned(curve)]


def _line(simulation: Simulation) -> str:
    state = f"{simulation.status}: {simulation.completed} of {simulation.questions} questions of "
    state += f"{simulation.conversations} conversations, {simulation.cost_usd:.4f} US dollars"
    if simulation.batch_at is not None:
        state += f", a batch since {simulation.batch_at:%Y-%m-%d %H:%M} UTC"
    return state if simulation.error is None else f"{state}. {simulation.error}"


def _row(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(figures["questions"]),
        str(figures["drafted"]),
        str(figures["facts"]),
        str(figures["keptFacts"]),
        str(figures["otherFacts"]),
        _decimal(figures.get("editDistance"), 2),
        _decimal(figures.get("draftWords"), 0),
        _decimal(figures.get("replyWords"), 0),
        f"{figures['costUsd']:.4f}",
    )


def _point(point: dict[str, Any]) -> tuple[str, ...]:
    all_kept = f"{point['withAllFacts']} of {point['withFacts']}"
    counts = (point["drafted"], point["questions"], point["facts"], point["keptFacts"])
    return (f"{point['minConfidence']:.2f}", *map(str, counts), all_kept)


def _decimal(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
