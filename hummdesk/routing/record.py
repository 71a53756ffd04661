"""Decisions as JSON, as they are stored: what one was made on, and the choices."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from hummdesk.routing.decision import Candidate, Case, Choice, Held, Policy, Snapshot

Json = dict[str, Any]

POLICY_FIELDS = ("mode", "capacity", "skills_wait_seconds", "answer_seconds", "offline_seconds")


def packed(snapshot: Snapshot) -> Json:
    return {
        "now": snapshot.now,
        "number": snapshot.number,
        "policies": [
            _sparse({"team": _text(team_id)} | {name: getattr(policy, name) for name in POLICY_FIELDS})
            for team_id, policy in snapshot.policies.items()
        ],
        "candidates": [_candidate(one) for one in snapshot.candidates],
        "cases": [_case(one) for one in snapshot.cases],
        "held": [_held(one) for one in snapshot.held],
        "deserted": sorted(map(str, snapshot.deserted)),
    }


def unpacked(stored: Json) -> Snapshot:
    return Snapshot(
        now=stored["now"],
        number=stored["number"],
        policies={
            _id(one.get("team")): Policy(**{name: one[name] for name in POLICY_FIELDS}) for one in stored["policies"]
        },
        candidates=tuple(
            Candidate(
                agent_id=UUID(one["agent"]),
                status=one["status"],
                load=one["load"],
                capacity=one.get("capacity"),
                skills=frozenset(one.get("skills", ())),
                team_ids=frozenset(map(UUID, one.get("teams", ()))),
                turn=one["turn"],
            )
            for one in stored["candidates"]
        ),
        cases=tuple(
            Case(
                conversation_id=UUID(one["conversation"]),
                team_id=_id(one.get("team")),
                priority=one["priority"],
                since=one["since"],
                needs=frozenset(one.get("needs", ())),
                is_classifying=one.get("is_classifying", False),
                returned_from=_id(one.get("returned_from")),
            )
            for one in stored["cases"]
        ),
        held=tuple(
            Held(
                conversation_id=UUID(one["conversation"]),
                team_id=_id(one.get("team")),
                agent_id=UUID(one["agent"]),
                offline_since=one.get("offline_since"),
                waits_since=one["waits_since"],
            )
            for one in stored["held"]
        ),
        deserted=frozenset(map(UUID, stored["deserted"])),
    )


def packed_choices(choices: Iterable[Choice]) -> list[Json]:
    return [
        _sparse(
            {
                "conversation": str(one.conversation_id),
                "team": _text(one.team_id),
                "agent": str(one.agent_id),
                "rule": one.rule,
            }
        )
        for one in choices
    ]


def unpacked_choices(stored: Sequence[Json]) -> list[Choice]:
    return [
        Choice(
            conversation_id=UUID(one["conversation"]),
            team_id=_id(one.get("team")),
            agent_id=UUID(one["agent"]),
            rule=one["rule"],
        )
        for one in stored
    ]


def _candidate(one: Candidate) -> Json:
    return _sparse(
        {
            "agent": str(one.agent_id),
            "status": one.status,
            "load": one.load,
            "capacity": one.capacity,
            "skills": sorted(one.skills) or None,
            "teams": sorted(map(str, one.team_ids)) or None,
            "turn": one.turn,
        }
    )


def _case(one: Case) -> Json:
    return _sparse(
        {
            "conversation": str(one.conversation_id),
            "team": _text(one.team_id),
            "priority": one.priority,
            "since": one.since,
            "needs": sorted(one.needs) or None,
            "is_classifying": one.is_classifying or None,
            "returned_from": _text(one.returned_from),
        }
    )


def _held(one: Held) -> Json:
    return _sparse(
        {
            "conversation": str(one.conversation_id),
            "team": _text(one.team_id),
            "agent": str(one.agent_id),
            "offline_since": one.offline_since,
            "waits_since": one.waits_since,
        }
    )


def _sparse(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _text(given: UUID | None) -> str | None:
    return None if given is None else str(given)


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
