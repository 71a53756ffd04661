"""Why routing has moved a conversation."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.models import Person
from hummdesk.routing import record
from hummdesk.routing.decision import MICROSECONDS, Candidate, Case, Policy, Snapshot, Verdict, explain
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import conversations, routing
from hummdesk.storage.routing import StoredDecision


async def last(context: ServerContext, viewer: Person, conversation_id: UUID) -> Payload:
    """The last decision about a conversation. Raises NotFound, also if its record was deleted."""
    async with context.database.account(viewer.account_id) as tx:
        await conversations.check(tx, viewer=viewer, conversation_id=conversation_id)
        stored = await routing.decision(tx, conversation_id)
        snapshot = record.unpacked(stored.snapshot)
        present = {candidate.agent_id for candidate in snapshot.candidates}
        names = await routing.agent_names(tx, present | {stored.agent_id})
    return _decision(conversation_id, stored, snapshot, names)


def _decision(conversation_id: UUID, stored: StoredDecision, snapshot: Snapshot, names: Mapping[UUID, str]) -> Payload:
    case = next((one for one in snapshot.cases if one.conversation_id == conversation_id), None)
    team_id = _team(snapshot, conversation_id, case)
    policy = snapshot.policy(team_id)
    shown: Payload = {
        "conversationId": str(conversation_id),
        "decisionId": str(stored.event_id),
        "rule": stored.rule,
        "mode": policy.mode,
        "agentId": str(stored.agent_id),
        "needs": [] if case is None else sorted(case.needs),
        "candidates": [_candidate(one, verdict, policy, names) for one, verdict in explain(snapshot, conversation_id)],
        "timestamp": wire_time(stored.decided_at),
    }
    optional: dict[str, Any] = {
        "agentName": names.get(stored.agent_id),
        "teamId": team_id and str(team_id),
        "priority": case and case.priority,
        "waited": case and max(0, (snapshot.now - case.since) // MICROSECONDS),
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def _team(snapshot: Snapshot, conversation_id: UUID, case: Case | None) -> UUID | None:
    if case is not None:
        return case.team_id
    return next((one.team_id for one in snapshot.held if one.conversation_id == conversation_id), None)


def _candidate(one: Candidate, verdict: Verdict, policy: Policy, names: Mapping[UUID, str]) -> Payload:
    name = {"name": names[one.agent_id]} if one.agent_id in names else {}
    return {
        "agentId": str(one.agent_id),
        **name,
        "status": one.status,
        "assigned": one.load,
        "capacity": one.limit(policy),
        "skills": sorted(one.skills),
        "verdict": verdict,
    }
