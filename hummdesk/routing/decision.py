"""Decisions of routing: pure functions of a snapshot, so that a stored decision can be made again and compared.

The conversations that wait are taken by priority, then by their waiting time. Each is given to a free agent: one who is
online, below the capacity, in the team of the queue, and has the skills that are needed. A conversation passes over no
agent who is free for it, and an agent who is free for none of the first ones is free for the next.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from hummdesk.bus.presence import Status

Mode = Literal["off", "round_robin", "least_loaded"]
Priority = Literal["urgent", "high", "medium", "low"]
Rule = Literal["routing", "offline", "unanswered"]
"""Why a conversation was moved: to an agent, or back from one who is offline or has not answered."""
Verdict = Literal["chosen", "free", "absent", "other_team", "full", "unskilled", "just_returned"]
"""The eligibility of an agent for one conversation."""

RANKS: dict[Priority, int] = {"urgent": 0, "high": 1, "medium": 2, "low": 3}
URGENT_WEIGHT = 2
"""An urgent conversation counts as so many others in the load of its agent."""
HOLD_SECONDS = 3.0
"""Longest wait of a new conversation for its classification, which says what skills it needs."""

BATCH = 100
"""Choices of one decision."""
MICROSECONDS = 1_000_000


def weight_of(priority: Priority) -> int:
    return URGENT_WEIGHT if priority == "urgent" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings of one queue."""

    mode: Mode
    capacity: int
    skills_wait_seconds: int
    """After this time the best match will do."""
    answer_seconds: int
    """An agent who has not answered within this time loses the conversation; 0: never."""
    offline_seconds: int
    """As `answer_seconds`, of an agent who is offline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An active agent or admin who is not offline."""

    agent_id: UUID
    status: Status
    load: int
    """The weights of the open conversations that are assigned to the agent."""
    capacity: int | None = None
    """None: that of the queue."""
    skills: frozenset[str] = frozenset()
    team_ids: frozenset[UUID] = frozenset()
    turn: int = 0
    """The number of the last decision for this agent; 0: none."""

    def is_free(self, policy: Policy) -> bool:
        """Whether the agent takes one more conversation. The last one may be urgent, and exceed the capacity by one."""
        return self.status == "online" and self.load < self.limit(policy)

    def limit(self, policy: Policy) -> int:
        """The capacity in a queue."""
        return policy.capacity if self.capacity is None else self.capacity


Order = tuple[int, int, UUID]
"""Of a conversation among all that wait: rank of the priority, time, conversation."""
NO_ENDS: Mapping[UUID | None, Order] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A conversation that waits in a queue. Times are microseconds of the clock of PostgreSQL."""

    conversation_id: UUID
    team_id: UUID | None
    """None: the queue of the account."""
    priority: Priority
    since: int
    needs: frozenset[str] = frozenset()
    """The skills that category and language ask for, of those that an active agent of the account has."""
    is_classifying: bool = False
    """Its needs are not known yet. Not set where no agent of the account has skills."""
    returned_from: UUID | None = None
    """The agent from whom it was just taken."""

    @property
    def order(self) -> Order:
        return RANKS[self.priority], self.since, self.conversation_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An assigned conversation whose customer waits."""

    conversation_id: UUID
    team_id: UUID | None
    agent_id: UUID
    offline_since: int | None
    """Since when its agent is offline and has it; None: the agent is present."""
    waits_since: int
    """Since when the agent has it and the customer waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a decision is made on."""

    now: int
    number: int
    """Of the next decision."""
    policies: Mapping[UUID | None, Policy]
    """By team; None: the queue of the account, and of teams without own settings."""
    candidates: tuple[Candidate, ...] = ()
    cases: tuple[Case, ...] = ()
    held: tuple[Held, ...] = ()
    deserted: frozenset[UUID] = frozenset()
    """The teams without an active agent: their queues belong to that of the account."""

    def queue_of(self, team_id: UUID | None) -> UUID | None:
        """The team whose members and settings are for the conversations of a team; None: those of the account."""
        return None if team_id in self.deserted else team_id

    def policy(self, team_id: UUID | None) -> Policy:
        return self.policies.get(self.queue_of(team_id), self.policies[None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A conversation that is given to an agent (rule `routing`) or taken from one (all others)."""

    conversation_id: UUID
    team_id: UUID | None
    agent_id: UUID
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    choices: tuple[Choice, ...]
    unfinished: tuple[UUID | None, ...] = ()
    """The queues of `ends` for which an agent is still free."""


def decide(snapshot: Snapshot, *, most: int = BATCH, ends: Mapping[UUID | None, Order] = NO_ENDS) -> Decision:
    """At most so many choices: first the conversations that are taken from their agents, then those that are given.

    A conversation that is taken from its agent is given to another one by the next decision. `ends` are the last
    conversations of queues that have more than the snapshot. What comes after one is not decided on while an agent is
    free for its queue: one of that queue may precede it.
    """
    choices = [one for held in snapshot.held if (one := _returned(snapshot, held)) is not None][:most]
    desk = _Desk(snapshot, ends)
    for case in sorted(snapshot.cases, key=lambda one: one.order):
        if len(choices) >= most or not desk.has_free or desk.is_behind_end(case):
            break
        agent = desk.agent_for(case)
        if agent is not None:
            choices.append(
                Choice(
                    conversation_id=case.conversation_id,
                    team_id=case.team_id,
                    agent_id=agent.agent_id,
                    rule="routing",
                )
            )
            desk.give(agent, case)
    return Decision(choices=tuple(choices), unfinished=tuple(desk.unfinished()))


def explain(snapshot: Snapshot, conversation_id: UUID) -> list[tuple[Candidate, Verdict]]:
    """What each candidate was for a conversation when it was its turn; empty for one that was not decided on."""
    desk = _Desk(snapshot)
    chosen = {choice.conversation_id: choice.agent_id for choice in decide(snapshot).choices}
    for case in sorted(snapshot.cases, key=lambda one: one.order):
        if case.conversation_id == conversation_id:
            return list(desk.verdicts(case, chosen.get(conversation_id)))
        if case.conversation_id in chosen:
            desk.give(desk.by_id[chosen[case.conversation_id]], case)
    return []


def _returned(snapshot: Snapshot, held: Held) -> Choice | None:
    policy = snapshot.policy(held.team_id)
    if policy.mode == "off":
        return None
    rule: Rule
    if held.offline_since is not None and snapshot.now - held.offline_since >= policy.offline_seconds * MICROSECONDS:
        rule = "offline"
    elif policy.answer_seconds and snapshot.now - held.waits_since >= policy.answer_seconds * MICROSECONDS:
        rule = "unanswered"
    else:
        return None
    return Choice(conversation_id=held.conversation_id, team_id=held.team_id, agent_id=held.agent_id, rule=rule)


class _Desk:
    """The agents while conversations are given to them one after the other."""

    def __init__(self, snapshot: Snapshot, ends: Mapping[UUID | None, Order] = NO_ENDS) -> None:
        self._snapshot = snapshot
        self._ends = deque(sorted(ends.items(), key=lambda one: one[1]))
        self._number = snapshot.number
        self.by_id = {one.agent_id: one for one in snapshot.candidates}
        self._widest = max(
            (policy.capacity for policy in snapshot.policies.values() if policy.mode != "off"), default=0
        )
        self._free = {one.agent_id for one in snapshot.candidates if self._may_be_free(one)}

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    def is_behind_end(self, case: Case) -> bool:
        """Whether a conversation comes after the end of a queue for which an agent is free. Cases come in order."""
        while self._ends and case.order > self._ends[0][1]:
            if self._has_free_for(self._ends[0][0]):
                return True
            self._ends.popleft()  # agents who are not free remain so
        return False

    def unfinished(self) -> Iterator[UUID | None]:
        return (team_id for team_id, _ in self._ends if self._has_free_for(team_id))

    def agent_for(self, case: Case) -> Candidate | None:
        policy = self._snapshot.policy(case.team_id)
        if policy.mode == "off" or self._is_held_back(case):
            return None
        free = self._free_for(case.team_id, policy)
        matching = self._matching(case, policy, free)
        others = [one for one in matching if one.agent_id != case.returned_from]
        return min(others or matching, key=lambda one: _preference(policy, one), default=None)

    def give(self, agent: Candidate, case: Case) -> None:
        self.by_id[agent.agent_id] = given = replace(
            agent, load=agent.load + weight_of(case.priority), turn=self._number
        )
        self._number += 1
        if not self._may_be_free(given):
            self._free.discard(agent.agent_id)

    def verdicts(self, case: Case, chosen: UUID | None) -> Iterator[tuple[Candidate, Verdict]]:
        policy = self._snapshot.policy(case.team_id)
        free = self._free_for(case.team_id, policy)
        matching = {one.agent_id for one in self._matching(case, policy, free)}
        for one in self.by_id.values():
            yield one, self._verdict(case, policy, one, matching, chosen)

    def _verdict(self, case: Case, policy: Policy, one: Candidate, matching: set[UUID], chosen: UUID | None) -> Verdict:
        if one.agent_id == chosen:
            return "chosen"
        if one.status != "online":
            return "absent"
        if not self._is_member(one, case.team_id):
            return "other_team"
        if not one.is_free(policy):
            return "full"
        if one.agent_id not in matching:
            return "unskilled"
        return "just_returned" if one.agent_id == case.returned_from else "free"

    def _is_held_back(self, case: Case) -> bool:
        waited = (self._snapshot.now - case.since) / MICROSECONDS
        return case.is_classifying and waited < HOLD_SECONDS

    def _free_for(self, team_id: UUID | None, policy: Policy) -> list[Candidate]:
        """The agents who are free for the conversations of a team, whatever skills these need."""
        free = (self.by_id[agent_id] for agent_id in self._free)
        return [one for one in free if self._is_member(one, team_id) and one.is_free(policy)]

    def _has_free_for(self, team_id: UUID | None) -> bool:
        policy = self._snapshot.policy(team_id)
        return policy.mode != "off" and bool(self._free_for(team_id, policy))

    def _is_member(self, one: Candidate, team_id: UUID | None) -> bool:
        queue = self._snapshot.queue_of(team_id)
        return queue is None or queue in one.team_ids

    def _matching(self, case: Case, policy: Policy, free: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those who have all skills that are needed; after a wait, those who have the most of them."""
        if not case.needs:
            return free
        skilled = [one for one in free if case.needs <= one.skills]
        if skilled or self._snapshot.now - case.since < policy.skills_wait_seconds * MICROSECONDS:
            return skilled
        most = max((len(case.needs & one.skills) for one in free), default=0)
        return [one for one in free if len(case.needs & one.skills) == most]

    def _may_be_free(self, one: Candidate) -> bool:
        return one.status == "online" and one.load < (self._widest if one.capacity is None else one.capacity)


def _preference(policy: Policy, one: Candidate) -> tuple[int, int, UUID]:
    """Least loaded: by load, then in turn. Round robin: in turn only."""
    return one.load if policy.mode == "least_loaded" else 0, one.turn, one.agent_id


def considered(cases: Iterable[Case], choices: Iterable[Choice], *, most_skipped: int) -> tuple[Case, ...]:
    """The cases that a record needs: those that were chosen, and the first ones that were passed over before the last.

    The choices are the same without the others.
    """
    chosen = {choice.conversation_id for choice in choices}
    kept: list[Case] = []
    skipped: list[Case] = []
    for case in sorted(cases, key=lambda one: one.order):
        if case.conversation_id in chosen:
            kept += [*skipped[:most_skipped], case]
            most_skipped = max(0, most_skipped - len(skipped))
            skipped = []
        else:
            skipped.append(case)
    return tuple(kept)
