"""Snapshots for the tests of routing, and a plain model of who is free for a conversation."""

import random
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from hypothesis import strategies as st

from hummdesk.routing.decision import MICROSECONDS, Candidate, Case, Choice, Held, Policy, Snapshot, weight_of

Value = TypeVar("Value")

NOW = 1_000_000 * MICROSECONDS
AGENTS = [UUID(int=number) for number in range(1, 9)]
TEAMS = [UUID(int=number) for number in range(101, 104)]
SKILLS = ("billing", "technical", "de", "fr")


class Dice(random.Random):
    """Makes the parts of a snapshot."""

    def some(self, values: Sequence[Value], most: int) -> frozenset[Value]:
        return frozenset(self.sample(values, self.randint(0, most)))

    def moment(self) -> int:
        return NOW - self.randint(0, 120) * MICROSECONDS

    def policy(self) -> Policy:
        return Policy(
            mode=self.choice(["off", "round_robin", "round_robin", "least_loaded", "least_loaded"]),
            capacity=self.randint(0, 4),
            skills_wait_seconds=self.choice([0, 60]),
            answer_seconds=self.choice([0, 30]),
            offline_seconds=self.choice([0, 30]),
        )

    def candidate(self, agent_id: UUID) -> Candidate:
        return Candidate(
            agent_id=agent_id,
            status=self.choice(["online", "online", "online", "away", "busy"]),
            load=self.randint(0, 5),
            capacity=self.choice([None, None, 0, 1, 3]),
            skills=self.some(SKILLS, 3),
            team_ids=self.some(TEAMS[:2], 2),
            turn=self.randint(0, 50),
        )

    def case(self, number: int) -> Case:
        return Case(
            conversation_id=UUID(int=1000 + number),
            team_id=self.choice([None, None, *TEAMS]),
            priority=self.choice(["urgent", "high", "medium", "low"]),
            since=self.moment(),
            needs=self.some(SKILLS, 2),
            is_classifying=self.random() < 0.3,
            returned_from=self.choice([None, None, *AGENTS[:3]]),
        )

    def held(self, number: int) -> Held:
        return Held(
            conversation_id=UUID(int=5000 + number),
            team_id=self.choice([None, *TEAMS]),
            agent_id=self.choice(AGENTS),
            offline_since=self.choice([None, self.moment()]),
            waits_since=self.moment(),
        )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Hypothesis draws the sizes and a seed: to draw each value takes fifty times as long."""
    agents, cases, held = draw(st.integers(0, 7)), draw(st.integers(0, 12)), draw(st.integers(0, 2))
    dice = Dice(draw(st.integers(0, 2**32)))
    of_queues: dict[UUID | None, Policy] = {None: dice.policy()}
    return Snapshot(
        now=NOW,
        number=51,
        policies=of_queues | {team: dice.policy() for team in dice.some(TEAMS, 2)},
        candidates=tuple(dice.candidate(agent) for agent in AGENTS[:agents]),
        cases=tuple(dice.case(number) for number in range(cases)),
        held=tuple(dice.held(number) for number in range(held)),
        deserted=dice.some(TEAMS[2:], 1),
    )


class Loads:
    """The loads of the agents while choices are carried out."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.cases = {one.conversation_id: one for one in snapshot.cases}
        self.agents = {one.agent_id: one for one in snapshot.candidates}
        self.loads = {one.agent_id: one.load for one in snapshot.candidates}

    def give(self, choice: Choice) -> None:
        self.loads[choice.agent_id] += weight_of(self.cases[choice.conversation_id].priority)

    def capacity(self, case: Case, agent: Candidate) -> int:
        return self.snapshot.policy(case.team_id).capacity if agent.capacity is None else agent.capacity

    def free_for(self, case: Case) -> set[UUID]:
        """Who would take the conversation now."""
        policy, waited = self.snapshot.policy(case.team_id), (self.snapshot.now - case.since) / MICROSECONDS
        if policy.mode == "off" or (case.is_classifying and waited < 3):
            return set()
        free = {
            one.agent_id: len(case.needs & one.skills)
            for one in self.agents.values()
            if one.status == "online"
            and (self.snapshot.queue_of(case.team_id) in {None, *one.team_ids})
            and self.loads[one.agent_id] < self.capacity(case, one)
        }
        most = len(case.needs) if waited < policy.skills_wait_seconds else max(free.values(), default=0)
        return {agent_id for agent_id, matching in free.items() if matching == most}
