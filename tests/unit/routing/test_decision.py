"""Decisions of routing: capacity, order, fairness, and the same choices when they are made again."""

import random
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummdesk.routing import record
from hummdesk.routing.absences import Absences
from hummdesk.routing.decision import (
    BATCH,
    MICROSECONDS,
    Candidate,
    Case,
    Choice,
    Decision,
    Held,
    Mode,
    Order,
    Policy,
    Snapshot,
    considered,
    decide,
    explain,
)
from tests.unit.routing.snapshots import AGENTS, NOW, TEAMS, Loads, snapshots

POLICY = Policy(mode="least_loaded", capacity=3, skills_wait_seconds=60, answer_seconds=0, offline_seconds=30)
FIRST, SECOND, THIRD = AGENTS[:3]


def online(agent_id: UUID, **more: object) -> Candidate:
    return Candidate(agent_id=agent_id, **({"status": "online", "load": 0} | more))  # type: ignore[arg-type]


def waiting(number: int, **more: object) -> Case:
    values = {"team_id": None, "priority": "medium", "since": NOW - (100 - number) * MICROSECONDS} | more
    return Case(conversation_id=UUID(int=1000 + number), **values)  # type: ignore[arg-type]


def snapshot(*candidates: Candidate, cases: tuple[Case, ...] = (), policy: Policy = POLICY, **more: object) -> Snapshot:
    values = {"now": NOW, "number": 1, "policies": {None: policy}} | more
    return Snapshot(candidates=candidates, cases=cases, **values)  # type: ignore[arg-type]


def given_to(made: Snapshot) -> dict[int, UUID]:
    """Agents by the numbers of the conversations."""
    return {choice.conversation_id.int - 1000: choice.agent_id for choice in decide(made).choices}


def assignments(choices: tuple[Choice, ...]) -> list[Choice]:
    return [choice for choice in choices if choice.rule == "routing"]


@given(snapshots())
def test_no_agent_at_the_capacity_is_given_a_conversation(made: Snapshot) -> None:
    loads = Loads(made)
    for choice in assignments(decide(made).choices):
        case = loads.cases[choice.conversation_id]
        assert choice.agent_id in loads.free_for(case)
        loads.give(choice)


@given(snapshots())
def test_no_conversation_waits_while_somebody_eligible_is_free(made: Snapshot) -> None:
    choices, loads = decide(made).choices, Loads(made)
    for choice in assignments(choices):
        loads.give(choice)
    chosen = {choice.conversation_id for choice in choices}
    assert [case for case in made.cases if case.conversation_id not in chosen and loads.free_for(case)] == []


@given(snapshots())
def test_conversation_is_passed_over_only_if_nobody_is_free_for_it(made: Snapshot) -> None:
    chosen, loads = {one.conversation_id: one for one in decide(made).choices}, Loads(made)
    for case in sorted(made.cases, key=lambda one: one.order):
        if case.conversation_id in chosen:
            loads.give(chosen[case.conversation_id])
        else:
            assert loads.free_for(case) == set()
    order = [loads.cases[one].order for one in chosen if one in loads.cases]
    assert order == sorted(order)


@given(snapshots())
def test_least_loaded_chooses_a_smallest_load(made: Snapshot) -> None:
    loads = Loads(made)
    for choice in assignments(decide(made).choices):
        case = loads.cases[choice.conversation_id]
        others = loads.free_for(case) - {case.returned_from}
        if made.policy(case.team_id).mode == "least_loaded":
            smallest = min(loads.loads[agent] for agent in others or loads.free_for(case))
            assert loads.loads[choice.agent_id] == smallest
        loads.give(choice)


@given(snapshots())
def test_agent_who_returned_a_conversation_gets_it_only_if_nobody_else_is_free(made: Snapshot) -> None:
    loads = Loads(made)
    for choice in assignments(decide(made).choices):
        case = loads.cases[choice.conversation_id]
        if choice.agent_id == case.returned_from:
            assert loads.free_for(case) == {choice.agent_id}
        loads.give(choice)


@given(snapshots(), st.randoms())
def test_decision_depends_on_no_order_of_rows(made: Snapshot, shuffle: random.Random) -> None:
    candidates, cases = list(made.candidates), list(made.cases)
    shuffle.shuffle(candidates)
    shuffle.shuffle(cases)
    assert decide(replace(made, candidates=tuple(candidates), cases=tuple(cases))) == decide(made)


@given(snapshots(), st.integers(0, 3), st.integers(1, 20))
def test_stored_decision_is_made_again(made: Snapshot, skipped: int, most: int) -> None:
    decision = decide(made, most=most)
    kept = replace(made, cases=considered(made.cases, decision.choices, most_skipped=skipped))
    stored = record.unpacked(record.packed(kept))
    assert stored == kept
    assert decide(stored, most=most).choices == decision.choices
    assert tuple(record.unpacked_choices(record.packed_choices(decision.choices))) == decision.choices


@given(snapshots(), st.integers(1, 4))
def test_queues_that_are_read_by_pages_lead_to_the_same_choices(made: Snapshot, size: int) -> None:
    unread = {team_id: [one for one in made.cases if one.team_id == team_id] for team_id in (None, *TEAMS)}
    for queue in unread.values():
        queue.sort(key=lambda one: one.order)
    queues, read = tuple(unread), list[Case]()
    while True:
        pages = {team_id: unread[team_id][:size] for team_id in queues}
        for team_id, page in pages.items():
            del unread[team_id][:size]
            read += page
        ends = {team_id: page[-1].order for team_id, page in pages.items() if unread[team_id]}
        decision = decide(replace(made, cases=tuple(read)), ends=ends)
        if not decision.unfinished:
            break
        queues = decision.unfinished
    assert decision.choices == decide(made).choices


def test_queue_without_a_free_agent_is_read_no_further() -> None:
    of_team, of_account = waiting(0, team_id=TEAMS[0]), waiting(2)
    made = snapshot(online(FIRST), online(SECOND, team_ids=frozenset(TEAMS)), cases=(of_team, of_account))
    ends: dict[UUID | None, Order] = {TEAMS[0]: waiting(1).order}
    assert decide(made, ends=ends) == Decision(
        choices=decide(replace(made, cases=(of_team,))).choices, unfinished=(TEAMS[0],)
    )
    full = replace(made, candidates=(made.candidates[0], replace(made.candidates[1], capacity=1)))
    assert decide(full, ends=ends) == Decision(choices=decide(full).choices)
    assert len(decide(full).choices) == 2


@given(snapshots())
def test_explanation_names_each_candidate_and_the_chosen_one(made: Snapshot) -> None:
    chosen = {choice.conversation_id: choice.agent_id for choice in decide(made).choices}
    for case in made.cases:
        verdicts = explain(made, case.conversation_id)
        assert [one.agent_id for one, _ in verdicts] == [one.agent_id for one in made.candidates]
        agent = chosen.get(case.conversation_id)
        assert [one.agent_id for one, verdict in verdicts if verdict == "chosen"] == ([] if agent is None else [agent])


@given(st.integers(1, 8), st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_round_robin_is_fair_while_agents_stay(agents: int, cases: int, urgent: set[int]) -> None:
    policy = replace(POLICY, mode="round_robin", capacity=1000)
    queue = tuple(waiting(number, priority="urgent" if number in urgent else "low") for number in range(cases))
    made = snapshot(*map(online, AGENTS[:agents]), cases=queue, policy=policy)
    counts = Counter(given_to(made).values())
    assert sum(counts.values()) == cases
    assert max(counts.values()) - min(counts.get(agent, 0) for agent in AGENTS[:agents]) <= 1


def test_round_robin_continues_after_the_last_decision() -> None:
    policy = replace(POLICY, mode="round_robin")
    made = snapshot(online(FIRST, turn=7), online(SECOND, turn=5), online(THIRD, turn=6), cases=(waiting(0),), number=8)
    assert given_to(replace(made, policies={None: policy})) == {0: SECOND}


def test_order_is_priority_then_waiting_time() -> None:
    queue = (waiting(1), waiting(2, priority="urgent"), waiting(3, priority="high"), waiting(0))
    made = snapshot(online(FIRST, capacity=100), cases=queue)
    assert list(given_to(made)) == [2, 3, 0, 1]


def test_agent_below_the_capacity_takes_an_urgent_conversation_which_counts_twice() -> None:
    urgent = tuple(waiting(number, priority="urgent") for number in range(3))
    assert list(given_to(snapshot(online(FIRST), cases=urgent))) == [0, 1]
    assert list(given_to(snapshot(online(FIRST, load=2), cases=urgent))) == [0]
    assert given_to(snapshot(online(FIRST, load=3), cases=urgent)) == {}


@pytest.mark.parametrize("agents", [(), (online(FIRST, capacity=0),), (online(FIRST, status="away"),)])
def test_nobody_is_chosen_without_a_free_agent(agents: tuple[Candidate, ...]) -> None:
    assert given_to(snapshot(*agents, cases=(waiting(0),))) == {}


def test_team_without_a_member_keeps_its_conversations_and_others_are_assigned() -> None:
    made = snapshot(online(FIRST), cases=(waiting(0, team_id=TEAMS[0]), waiting(1)))
    assert given_to(made) == {1: FIRST}


def test_conversations_of_a_deserted_team_are_for_everybody_under_the_settings_of_the_account() -> None:
    made = replace(snapshot(online(FIRST), cases=(waiting(0, team_id=TEAMS[0]),)), deserted=frozenset(TEAMS[:1]))
    assert given_to(made) == {0: FIRST}
    off = replace(made.policies[None], mode="off")
    own: dict[UUID | None, Policy] = {None: made.policies[None], TEAMS[0]: off}
    assert given_to(replace(made, policies=own)) == {0: FIRST}


def test_own_capacity_replaces_that_of_the_queue() -> None:
    made = snapshot(
        online(FIRST, capacity=1), online(SECOND, load=2, capacity=4), cases=(waiting(0), waiting(1), waiting(2))
    )
    assert given_to(made) == {0: FIRST, 1: SECOND, 2: SECOND}


def test_skills_are_awaited_then_the_best_match_is_taken() -> None:
    agents = (online(FIRST, skills=frozenset({"de"}), load=2), online(SECOND))
    needs = frozenset({"billing", "de"})
    early = waiting(0, needs=needs, since=NOW - 59 * MICROSECONDS)
    assert given_to(snapshot(*agents, cases=(early,))) == {}
    assert given_to(snapshot(*agents, cases=(replace(early, since=NOW - 60 * MICROSECONDS),))) == {0: FIRST}


def test_unclassified_conversation_is_held_back_for_three_seconds() -> None:
    case = waiting(0, is_classifying=True, since=NOW - 2 * MICROSECONDS)
    assert given_to(snapshot(online(FIRST), cases=(case,))) == {}
    assert given_to(snapshot(online(FIRST), cases=(replace(case, since=NOW - 3 * MICROSECONDS),))) == {0: FIRST}


@pytest.mark.parametrize(
    ("offline", "waits", "answer_seconds", "rule"),
    [
        (29, 90, 0, None),
        (30, 90, 0, "offline"),
        (None, 59, 60, None),
        (None, 60, 60, "unanswered"),
        (None, 99, 0, None),
    ],
)
def test_conversation_goes_back_from_absent_or_silent_agents(
    offline: int | None, waits: int, answer_seconds: int, rule: str | None
) -> None:
    held = Held(
        conversation_id=UUID(int=1000),
        team_id=None,
        agent_id=FIRST,
        offline_since=None if offline is None else NOW - offline * MICROSECONDS,
        waits_since=NOW - waits * MICROSECONDS,
    )
    made = snapshot(policy=replace(POLICY, answer_seconds=answer_seconds), held=(held,))
    assert [choice.rule for choice in decide(made).choices] == ([] if rule is None else [rule])
    assert decide(replace(made, policies={None: replace(POLICY, mode="off")})).choices == ()


def test_absence_begins_when_it_is_first_seen_and_ends_with_presence() -> None:
    seen = Absences()
    assert seen.update({FIRST}, now=10) == {FIRST: 10}
    assert seen.update({FIRST, SECOND}, now=12) == {FIRST: 10, SECOND: 12}
    assert seen.update({SECOND}, now=14) == {SECOND: 12}
    assert seen.update({FIRST, SECOND}, now=16) == {FIRST: 16, SECOND: 12}


def test_decision_has_at_most_a_batch_of_choices() -> None:
    queue = tuple(waiting(number) for number in range(BATCH + 20))
    decision = decide(snapshot(online(FIRST, capacity=1000), cases=queue), ends={None: queue[-1].order})
    assert len(decision.choices) == BATCH
    assert decision.unfinished == (None,)


@pytest.mark.parametrize("mode", ["round_robin", "least_loaded"])
def test_five_hundred_conversations_and_twenty_agents_who_come_and_go(mode: Mode) -> None:
    """The model of the issue: never a fourth, never two owners, the order kept, nobody waits beside a free agent."""
    dice, agents = random.Random(17), [UUID(int=number) for number in range(1, 21)]
    coming = [waiting(number, priority=dice.choice(["urgent", "medium"])) for number in range(500)]
    weights = {case.conversation_id: 2 if case.priority == "urgent" else 1 for case in coming}
    present, turns, number = set(agents[:10]), dict.fromkeys(agents, 0), 1
    queue: dict[UUID, Case] = {}
    owners: dict[UUID, UUID] = {}
    while coming or queue or owners:
        queue |= {case.conversation_id: case for case in coming[:8]}
        del coming[:8]
        present = (present ^ {dice.choice(agents)}) or {agents[0]}
        owners = {conversation: agent for conversation, agent in owners.items() if dice.random() > 0.3}  # others close
        loads = Counter[UUID]()
        for conversation, agent in owners.items():
            loads[agent] += weights[conversation]
        made = snapshot(
            *(online(agent, load=loads[agent], turn=turns[agent]) for agent in sorted(present)),
            cases=tuple(queue.values()),
            policy=replace(POLICY, mode=mode),
            number=number,
        )
        model = Loads(made)
        for choice in decide(made).choices:
            assert choice.conversation_id not in owners
            assert choice.agent_id in model.free_for(queue.pop(choice.conversation_id))
            model.give(choice)
            owners[choice.conversation_id], turns[choice.agent_id] = choice.agent_id, number
            number += 1
        assert not [case for case in queue.values() if model.free_for(case)]
        assert max(Counter(owners.values()).values(), default=0) <= 3
    assert number == 501
