"""The periodic work of a web process: leases are renewed, departures published, counts reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from hummdesk.bus import token_leases
from hummdesk.core.errors import HummDeskError
from hummdesk.core.metrics import ERRORS
from hummdesk.core.periodic import Periodic
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection, viewers

log = logging.getLogger(__name__)

DEPARTURES_SECONDS = 0.5
"""Shortest time between two searches for leases that have ended."""
REMOVAL_SECONDS = 0.25
"""Interval at which published outbox entries are removed while no message is sent. The relay waits longer."""
COUNTS_SECONDS = 1.0
READINESS_SECONDS = 5.0
RETURNS_SECONDS = 1.0
"""Shortest time between two returns of unused tokens."""
IDLE_SHARDS_SECONDS = 30.0


class Work(NamedTuple):
    """`interval` and `longest_backoff` in seconds; see Periodic."""

    interval: float
    step: Callable[[ServerContext], Awaitable[float | None]]
    pending: asyncio.Event | None = None
    longest_backoff: float | None = None


def runners(context: ServerContext) -> list[Periodic]:
    lease_seconds, grace_seconds = context.settings.presence_lease_seconds, context.settings.presence_grace_seconds
    work = [
        Work(
            max(DEPARTURES_SECONDS, min(lease_seconds, grace_seconds)),
            publish_departures,
            longest_backoff=DEPARTURES_SECONDS,
        ),
        Work(REMOVAL_SECONDS, remove_published, context.receipts.has_confirmed),
        Work(lease_seconds / 3, renew_presence),
        Work(lease_seconds / 3, viewers.renew),
        Work(lease_seconds / 3, renew_counts),
        Work(COUNTS_SECONDS, report_changed_counts, context.sockets.counts.has_changed),
        Work(token_leases.IDLE_SECONDS, return_idle_leases),
        Work(IDLE_SHARDS_SECONDS, stop_idle_shards),
        Work(READINESS_SECONDS, check_readiness),
    ]
    return [
        Periodic(
            partial(one.step, context),
            interval=one.interval,
            pending=one.pending,
            on_failure=_report,
            longest_backoff=one.longest_backoff,
            is_aligned=True,
        )
        for one in work
    ]


async def publish_departures(context: ServerContext) -> float | None:
    """Publish the departure of agents whose last lease has expired; each is returned to one process.

    Return the seconds until the next lease ends. One that begins or is left now ends after the interval.
    """
    for lease in await context.presence.expire():
        await context.presence_publisher.publish_status(lease.account_id, lease.agent_id)
    seconds = await context.presence.seconds_until_end()
    return None if seconds is None else max(DEPARTURES_SECONDS, seconds)


async def remove_published(context: ServerContext) -> float | None:
    return REMOVAL_SECONDS if await context.writer.remove_published() else None


async def renew_presence(context: ServerContext) -> None:
    """Renew the leases of agents and publish those that came online by it; renew the recoverable sessions."""
    present = {
        connection.lease_of(session, session.person): session.person
        for session in context.sockets.sessions.values()
        if session.person is not None and session.has_presence()
    }
    for lease in await context.presence.renew(list(present)):
        await context.presence_publisher.publish(present[lease], "online")
        context.router.wake(lease.account_id)
    await context.recovery_saver.renew()


async def renew_counts(context: ServerContext) -> None:
    """Report all counts before they expire. The first report is also the sign of life of this process."""
    counts = context.sockets.counts
    await context.socket_counts.report(context.node, counts.by_role())
    await context.socket_counts.report_accounts(context.node, counts.by_account())


async def report_changed_counts(context: ServerContext) -> None:
    await context.socket_counts.report_accounts(context.node, context.sockets.counts.changed_accounts())


async def return_idle_leases(context: ServerContext) -> float:
    return max(RETURNS_SECONDS, await context.rate_limits.return_idle())


async def stop_idle_shards(context: ServerContext) -> None:
    """Stop reading the shards of accounts that have no socket and no poll of the feed here any more."""
    people = (session.person for session in context.sockets.sessions.values())
    connected = {person.account_id for person in people if person is not None}
    await context.reader.stop_idle(connected | context.feed_polls.accounts())


async def check_readiness(context: ServerContext) -> None:
    await context.readiness.checks()


def _report(error: Exception) -> None:
    code = error.code if isinstance(error, HummDeskError) else HummDeskError.code
    ERRORS.labels("node", code).inc()
    if not isinstance(error, HummDeskError):
        log.error("maintenance.step_failed", exc_info=error)
