"""The periodic work of a web process: leases are renewed, departures published, counts reported."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from hummdesk.core.errors import HummDeskError
from hummdesk.core.metrics import ERRORS
from hummdesk.core.periodic import Periodic
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection, viewers

log = logging.getLogger(__name__)

SWEEP_SECONDS = 0.5
REMOVAL_SECONDS = 0.25
"""Interval at which published outbox entries are removed while no message is sent. The relay waits longer."""
COUNTS_SECONDS = 1.0
READINESS_SECONDS = 5.0
IDLE_LEASES_SECONDS = 1.0
IDLE_SHARDS_SECONDS = 30.0


def runners(context: ServerContext) -> list[Periodic]:
    renewal_seconds = context.settings.presence_lease_seconds / 3
    steps: list[tuple[float, Callable[[ServerContext], Awaitable[None]]]] = [
        (SWEEP_SECONDS, publish_departures),
        (REMOVAL_SECONDS, remove_published),
        (renewal_seconds, renew_presence),
        (renewal_seconds, viewers.renew),
        (renewal_seconds, renew_counts),
        (COUNTS_SECONDS, report_changed_counts),
        (IDLE_LEASES_SECONDS, return_idle_leases),
        (IDLE_SHARDS_SECONDS, stop_idle_shards),
        (READINESS_SECONDS, check_readiness),
    ]
    return [
        Periodic(partial(step, context), interval=seconds, on_failure=_report, is_aligned=True)
        for seconds, step in steps
    ]


async def publish_departures(context: ServerContext) -> None:
    """Publish the departure of agents whose last lease has expired; each is returned to one process."""
    for lease in await context.presence.expire():
        await context.presence_publisher.publish_status(lease.account_id, lease.agent_id)


async def remove_published(context: ServerContext) -> None:
    await context.writer.remove_published()


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


async def return_idle_leases(context: ServerContext) -> None:
    await context.rate_limits.return_idle()


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
