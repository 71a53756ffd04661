"""Queues, loads and reports for supervisors."""

from datetime import UTC, datetime
from typing import get_args

from hummdesk.bus.presence import Status
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import PayloadTooLarge
from hummdesk.core.models import Person
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import reports
from hummdesk.storage.past_answers import DraftUse
from hummdesk.storage.reports import By, Choice, Durations, Figures, Item, Load, Queue, Scope

AGENT_BYTES = 130
"""An agent has at least so many in an answer."""
USES = get_args(DraftUse)


async def queues(context: ServerContext, viewer: Person) -> Payload:
    """The queues of the account and its teams, and the agents with presence and load, as they are now.

    Raises PayloadTooLarge if the agents do not fit into an answer.
    """
    most = context.settings.max_answer_bytes // AGENT_BYTES
    async with context.database.account(viewer.account_id) as tx:
        found = await reports.queues_now(tx)
        loads = await reports.loads(tx, limit=most + 1)
    if len(loads) > most:
        raise PayloadTooLarge("The account has too many agents for one answer")
    present = await context.presence.statuses(viewer.account_id)
    return {
        "queues": [_queue(queue) for queue in found],
        "agents": [_agent(load, present.get(load.agent_id, "offline")) for load in loads],
        "timestamp": wire_time(datetime.now(UTC)),
    }


async def report(context: ServerContext, viewer: Person, scope: Scope, *, by: By) -> Payload:
    """The figures of a range by hour of the day, team or agent. Raises Invalid for an unknown time zone."""
    async with context.reporting, context.database.account(viewer.account_id) as tx:
        found = await reports.report(tx, scope, by=by)
    return {
        "from": wire_time(scope.since),
        "to": wire_time(scope.until),
        "by": by,
        "timeZone": scope.time_zone,
        "rows": [_key(row, by) | _figures(row) for row in found.rows],
        "total": _figures(found.total),
    }


async def items(
    context: ServerContext, viewer: Person, scope: Scope, choice: Choice, *, limit: int, cursor: str | None
) -> tuple[list[Payload], str | None]:
    """A page of what a figure counts, and the cursor of the next page. Raises Invalid."""
    async with context.reporting, context.database.account(viewer.account_id) as tx:
        found, following = await reports.items(tx, scope, choice, limit=limit, cursor=cursor)
    return [_item(one) for one in found], following


def scope_of(given: Payload) -> Scope:
    """The scope that a payload of the contract names."""
    return Scope(
        since=given["from"],
        until=given["to"],
        time_zone=given["timeZone"],
        team_id=given["teamId"],
        agent_id=given["agentId"],
    )


def _queue(queue: Queue) -> Payload:
    shown: Payload = {"waiting": queue.waiting, "urgent": queue.urgent}
    optional = {
        "teamId": queue.team_id and str(queue.team_id),
        "name": queue.name,
        "oldestSince": queue.oldest and wire_time(queue.oldest),
    }
    return shown | _known(optional)


def _agent(load: Load, status: Status) -> Payload:
    shown: Payload = {"agentId": str(load.agent_id), "name": load.name, "status": status}
    shown |= {"conversations": load.conversations, "load": load.load}
    last_seen = load.last_seen_at and wire_time(load.last_seen_at)
    return shown | _known({"capacity": load.capacity, "lastSeenAt": last_seen})


def _key(row: Figures, by: By) -> Payload:
    """What the figures of a row are about. It has no id for no team, or no agent."""
    if by == "hour":
        return {"hour": row.hour}
    return _known({f"{by}Id": row.subject_id and str(row.subject_id), "name": row.name})


def _figures(row: Figures) -> Payload:
    return {
        "opened": row.opened,
        "answered": row.answered,
        "unanswered": row.unanswered,
        **_durations("firstResponse", row.first_response),
        "closed": row.closed,
        **_durations("resolution", row.resolution),
        "drafts": row.drafts,
        "draftsUsed": row.drafts_used,
        "ratings": row.ratings,
        "satisfied": row.satisfied,
        **_known({"rating": row.rating}),
    }


def _durations(name: str, found: Durations | None) -> Payload:
    return {} if found is None else {f"{name}Median": _seconds(found.median), f"{name}P90": _seconds(found.p90)}


def _item(item: Item) -> Payload:
    shown: Payload = {
        "id": str(item.id),
        "conversationId": str(item.conversation_id),
        "at": wire_time(item.at),
        "customerName": item.customer_name,
        "status": item.status,
    }
    optional = {
        "subject": item.subject,
        "agentId": item.agent_id and str(item.agent_id),
        "teamId": item.team_id and str(item.team_id),
        "seconds": None if item.seconds is None else _seconds(item.seconds),
        "rating": item.rating,
    }
    if item.rating is not None:
        optional["comment"] = item.detail
    elif item.detail in USES:
        optional["use"] = item.detail
    return shown | _known(optional)


def _seconds(seconds: float) -> float:
    return round(seconds, 3)


def _known(values: Payload) -> Payload:
    return {name: value for name, value in values.items() if value is not None}
