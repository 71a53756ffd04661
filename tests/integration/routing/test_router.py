"""Automatic assignment with PostgreSQL and Redis: who gets a conversation, and that no other process interferes."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self
from unittest.mock import patch

import pytest

from hummdesk.routing import positions, record
from hummdesk.routing.absences import Absences
from hummdesk.routing.decision import RANKS, decide, weight_of
from hummdesk.routing.replay import differences
from hummdesk.routing.watch import Figures, Watch
from hummdesk.storage import hours, routing, users
from hummdesk.storage.database import Database
from hummdesk.storage.hours import BusinessHours, Interval


async def test_waiting_conversations_are_assigned_logged_and_published(desk: Any) -> None:
    await desk.set()
    agent = await desk.agent()
    first, second = await desk.conversation(waits=20), await desk.conversation(waits=30)
    assert await desk.router().route(desk.id) == 2
    assert await desk.owners() == {first: agent, second: agent}
    reasons = {one["conversationId"]: one["reason"]["rule"] for one in desk.events("conversation_assigned")}
    assert reasons == {str(first): "routing", str(second): "routing"}
    assert {one["conversationId"] for one in desk.events("conversation_updated")} == {str(first), str(second)}
    logged = await desk.execute(
        "SELECT id, conversation_id, kind, actor_type, details ->> 'rule', details ->> 'toAgent' "
        "FROM conversation_events WHERE account_id = %(account)s"
    )
    assert {row[1:] for row in logged} == {
        (one, "assigned", "system", "routing", str(agent)) for one in (first, second)
    }
    assert set(desk.confirmed) == {(desk.id, row[0]) for row in logged}
    assert len(await desk.execute("SELECT FROM outbox WHERE account_id = %(account)s AND seq = -2")) == 2


async def test_account_without_routing_is_left_alone(desk: Any) -> None:
    await desk.agent()
    await desk.conversation()
    router = desk.router()
    assert await router.route(desk.id) == 0
    await desk.set(mode="off")
    assert await router.route(desk.id) == 0
    assert await desk.owners() == {}


async def test_nothing_is_assigned_outside_the_hours_of_an_account_that_says_so(desk: Any) -> None:
    await desk.set()
    agent, waiting = await desk.agent(), await desk.conversation()
    router, watch = desk.router(), Watch(desk.app, desk.presence)

    async def put(**changes: Any) -> None:
        async with desk.app.account(desk.id) as tx:
            await hours.put(tx, None, desk.id, BusinessHours(is_enabled=True, **changes))

    await put(route_outside_hours=False)
    assert await router.route(desk.id) == 0
    with patch("hummdesk.routing.watch.STRANDED_SECONDS", -1.0):
        figures = await watch.figures(desk.id)
        assert figures is not None
        assert (figures.waiting, figures.stranded) == (1, 0)
    await put(route_outside_hours=True)
    assert await router.route(desk.id) == 1
    assert await desk.owners() == {waiting: agent}


async def test_account_whose_time_zone_the_host_does_not_know_is_routed(
    desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.set()
    agent, waiting = await desk.agent(), await desk.conversation()
    async with desk.app.account(desk.id) as tx:
        await hours.put(tx, None, desk.id, BusinessHours(is_enabled=True, route_outside_hours=False))
    zone = f"Mars/{desk.id}"  # a process reports each zone once
    await desk.execute("UPDATE business_hours SET time_zone = %(zone)s WHERE account_id = %(account)s", zone=zone)
    assert await desk.router().route(desk.id) == 1
    assert await Watch(desk.app, desk.presence).figures(desk.id) is not None
    assert await desk.owners() == {waiting: agent}
    assert [one.msg for one in caplog.records].count("hours.unknown_time_zone") == 1


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-6), timedelta(hours=6)])
async def test_hours_follow_the_clock_of_postgresql_not_of_the_host(desk: Any, wrong_by: timedelta) -> None:
    class HostTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + wrong_by

    began = datetime.now(UTC) - timedelta(hours=1)
    minute = began.hour * 60 + began.minute
    open_now = Interval(began.weekday(), minute, minute + 2 * 60)
    await desk.set()
    agent, waiting = await desk.agent(), await desk.conversation()
    async with desk.app.account(desk.id) as tx:
        only_now = BusinessHours(is_enabled=True, weekly=(open_now,), route_outside_hours=False)
        await hours.put(tx, None, desk.id, only_now)
    with patch("hummdesk.routing.hours.datetime", HostTime):
        assert await desk.router().route(desk.id) == 1
        async with desk.app.account(desk.id) as tx:
            assert (await positions.state(tx, {desk.id}, online={agent})).is_open
    assert await desk.owners() == {waiting: agent}


async def test_only_agents_who_are_online_below_their_capacity_and_in_the_team_are_chosen(desk: Any) -> None:
    await desk.set(capacity=1)
    member, colleague = await desk.agent(), await desk.agent(capacity=2)
    for status in ("away", "busy", "offline"):
        await desk.agent(status)
    await desk.agent(capacity=0)
    team = await desk.team(member)
    of_team = await desk.conversation(team=team, waits=10)
    await desk.conversations(4)
    assert await desk.router().route(desk.id) == 3
    owners = await desk.owners()
    assert Counter(owners.values()) == {member: 1, colleague: 2}
    assert owners[of_team] == member


async def test_queries_weigh_priorities_as_decisions_do(desk: Any) -> None:
    found = await desk.execute(
        "SELECT priority, priority_weight(priority) FROM unnest(%(all)s::text[]) AS priority", all=list(RANKS)
    )
    assert found == [(priority, weight_of(priority)) for priority in RANKS]


async def test_erased_conversation_uses_no_capacity(desk: Any) -> None:
    await desk.set(capacity=1)
    agent = await desk.agent()
    erased = await desk.conversation(agent=agent, priority="urgent")
    waiting = await desk.conversation()
    await desk.execute(
        "UPDATE conversations SET erased_at = now() WHERE account_id = %(account)s AND id = %(id)s", id=erased
    )
    assert await desk.router().route(desk.id) == 1
    assert (await desk.owners())[waiting] == agent


async def test_queue_of_a_team_without_members_belongs_to_that_of_the_account(desk: Any) -> None:
    await desk.set(capacity=1)
    agent = await desk.agent()
    other = await desk.conversation()
    lonely = await desk.conversation(team=await desk.team(), priority="urgent")
    assert await desk.router().route(desk.id) == 1
    assert await desk.owners() == {lonely: agent}
    assert other not in await desk.owners()


async def test_queue_of_a_team_whose_members_are_absent_waits_and_others_are_routed(desk: Any) -> None:
    await desk.set()
    agent = await desk.agent()
    lonely = await desk.conversation(team=await desk.team(await desk.agent("away")), priority="urgent")
    other = await desk.conversation()
    assert await desk.router().route(desk.id) == 1
    assert await desk.owners() == {other: agent}
    assert lonely not in await desk.owners()


async def test_settings_of_a_team_replace_those_of_the_account(desk: Any) -> None:
    await desk.set(mode="off")
    agent = await desk.agent()
    routed = await desk.team(agent, mode="round_robin", capacity=1)
    silent = await desk.team(agent)
    for team in (routed, routed, silent, None):
        await desk.conversation(team=team)
    assert await desk.router().route(desk.id) == 1


async def test_needed_skills_come_from_the_classification_and_its_correction(desk: Any) -> None:
    await desk.set()
    german, french = await desk.agent(skills=("de",)), await desk.agent(skills=("fr", "billing"))
    waiting = {language: await desk.conversation() for language in ("de", "fr", "es")}
    for language, conversation in waiting.items():
        await classify(desk, conversation, category="technical", language=language)
    await desk.router().route(desk.id)
    owners = await desk.owners()
    assert (owners[waiting["de"]], owners[waiting["fr"]]) == (german, french)
    assert waiting["es"] in owners  # nobody speaks it
    corrected = await desk.conversation()
    await classify(desk, corrected, category="general", language="und", correction="billing")
    await desk.router().route(desk.id)
    assert (await desk.owners())[corrected] == french
    guessed = await desk.conversation()
    await classify(desk, guessed, category="billing", language="de", is_unknown=True)
    await desk.router().route(desk.id)
    assert (await desk.owners())[guessed] == german, "a guess asks for no skill"


async def classify(
    desk: Any,
    conversation: Any,
    *,
    category: str,
    language: str,
    correction: str | None = None,
    is_unknown: bool = False,
) -> None:
    """Store a message with its classification, and a correction of the category."""
    await desk.execute(
        """WITH message AS (
            INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content,
                content_type)
            VALUES (%(account)s, gen_random_uuid(), %(id)s, 1, %(contact)s, 'customer', 'Cleo', 'Hello', 'text')
            RETURNING *
        ), run AS (
            INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at,
                announced_at)
            SELECT account_id, gen_random_uuid(), conversation_id, id, seq, 'classification', 'done', 'done', now(),
                now()
            FROM message
            RETURNING *
        ), result AS (
            INSERT INTO ai_results (account_id, run_id, kind, payload)
            SELECT account_id, id, kind, jsonb_build_object('classification',
                jsonb_build_object('category', %(category)s::text, 'language', %(language)s::text,
                    'unknown', %(unknown)s::boolean))
            FROM run
        )
        INSERT INTO ai_corrections (account_id, message_id, category, corrected_by)
        SELECT account_id, id, %(correction)s, id FROM message WHERE %(correction)s::text IS NOT NULL""",
        id=conversation,
        contact=desk.contact,
        category=category,
        language=language,
        correction=correction,
        unknown=is_unknown,
    )


async def test_queue_is_read_page_by_page_until_no_agent_is_free(desk: Any) -> None:
    await desk.set(skills_wait_seconds=3600)
    german, other = await desk.agent(skills=("de",), capacity=1000), await desk.agent(skills=("fr",))
    waiting = await desk.conversations(150)
    for conversation in waiting[:120]:
        await classify(desk, conversation, category="general", language="fr")
    await desk.router().route(desk.id)
    owners = await desk.owners()
    assert Counter(owners.values()) == {german: 30, other: 3}
    assert {one for one, agent in owners.items() if agent == german} == set(waiting[120:])


async def test_queue_without_a_free_member_is_read_no_further_beside_a_free_agent_of_another_team(desk: Any) -> None:
    await desk.set()
    member, other = await desk.agent(capacity=1), await desk.agent()
    team = await desk.team(member)
    first, *_ = await desk.conversations(60)
    await desk.execute("UPDATE conversations SET assigned_team = %(team)s WHERE account_id = %(account)s", team=team)
    newest = await desk.conversation(priority="low")
    read = routing.waiting
    with patch("hummdesk.routing.reading.PAGES", (10, 20)), patch.object(routing, "waiting", side_effect=read) as pages:
        assert await desk.router().route(desk.id) == 2
    assert await desk.owners() == {first: member, newest: other}
    assert pages.call_count == 2  # of two decisions; the second one finds nothing


async def test_routers_of_several_processes_exceed_no_capacity_and_assign_once(desk: Any) -> None:
    await desk.set()
    agents = [await desk.agent() for _ in range(20)]
    await desk.conversations(100)
    routers = [desk.router() for _ in range(4)]
    moved = await asyncio.gather(*(router.route(desk.id) for router in routers * 2))
    owners = await desk.owners()
    assert sum(moved) == len(owners) == 60
    assert Counter(owners.values()) == dict.fromkeys(agents, 3)
    assigned = [one["conversationId"] for one in desk.events("conversation_assigned")]
    assert sorted(assigned) == sorted(map(str, owners))


async def test_conversation_and_agent_that_another_transaction_has_locked_are_passed_over(desk: Any) -> None:
    await desk.set(capacity=1)
    held, free = await desk.agent(), await desk.agent()
    locked, other = await desk.conversation(waits=20), await desk.conversation(waits=10)
    router = desk.router()
    async with desk.tx() as tx:
        await tx.execute("SELECT FROM conversations WHERE id = %s FOR NO KEY UPDATE", (locked,))
        await tx.execute("SELECT FROM users WHERE id = %s FOR SHARE", (held,))
        await router.route(desk.id)
        assert await desk.owners() in ({other: free}, {})
    await router.route(desk.id)
    assert Counter((await desk.owners()).values()) == {held: 1, free: 1}


async def test_agent_who_is_disabled_or_deleted_while_being_assigned_gets_nothing(desk: Any) -> None:
    await desk.set()
    agent, deleted = await desk.agent(), await desk.agent()
    waiting = await desk.conversations(4)
    async with desk.tx() as tx:
        await users.update(tx, None, agent, users.UserChanges(active=False))
        await desk.execute("DELETE FROM users WHERE account_id = %(account)s AND id = %(id)s", id=deleted)
        await desk.router().route(desk.id)
    await desk.router().route(desk.id)
    assert await desk.owners() == {}
    back = await desk.agent()
    await desk.router().route(desk.id)
    assert await desk.owners() == dict.fromkeys(waiting[:3], back)


async def test_conversation_of_an_offline_agent_goes_back_with_its_waiting_time(desk: Any) -> None:
    await desk.set(offline_seconds=0)
    gone, other = await desk.agent("offline"), await desk.agent("away")
    waiting = await desk.conversation(agent=gone, waits=40)
    await desk.conversation(agent=gone, waits=None)  # it is answered: it stays
    [[since]] = await desk.execute("SELECT waiting_since FROM conversations WHERE id = %(id)s", id=waiting)
    router = desk.router()
    assert await router.route(desk.id) == 0  # the relay does it, not each change
    assert await router.route(desk.id, with_held=True) == 1
    assert waiting not in await desk.owners()
    assert await desk.execute("SELECT queued_since FROM conversations WHERE id = %(id)s", id=waiting) == [(since,)]
    [event] = desk.events("conversation_unassigned")
    assert event["unassignedFrom"] == str(gone)
    await desk.appear(other, "online")
    await router.route(desk.id)
    assert (await desk.owners())[waiting] == other


async def test_agent_whose_lease_is_lost_keeps_conversations_until_absent_for_the_offline_time(desk: Any) -> None:
    """Redis has lost its data: a connected agent seems to be offline since the end of the session before."""
    await desk.set(offline_seconds=30)
    agent = await desk.agent("offline")
    waiting = await desk.conversation(agent=agent, waits=40)
    await desk.execute("UPDATE users SET last_seen_at = now() - interval '1 day' WHERE id = %(id)s", id=agent)
    router = desk.router()
    assert await router.route(desk.id, with_held=True) == 0
    await desk.appear(agent, "away")  # the lease was renewed
    assert await router.route(desk.id, with_held=True) == 0
    await desk.presence.change(desk.id, agent, "offline")
    assert await router.route(desk.id, with_held=True) == 0
    router._absences[desk.id] = Absences()
    router._absences[desk.id].update({agent}, now=0)
    assert await router.route(desk.id, with_held=True) == 1
    assert waiting not in await desk.owners()


async def test_conversation_without_an_answer_goes_to_another_agent(desk: Any) -> None:
    await desk.set(answer_seconds=60)
    silent, other = await desk.agent(), await desk.agent("away")
    waiting = await desk.conversation(agent=silent, waits=61)
    await desk.conversation(agent=silent, waits=30)
    assert await desk.router().route(desk.id, with_held=True) == 2  # back, and again to the only one
    assert (await desk.owners())[waiting] == silent
    await desk.execute(
        "UPDATE conversation_events SET created_at = now() - interval '61 s' WHERE conversation_id = %(id)s", id=waiting
    )
    await desk.appear(other, "online")
    assert await desk.router().route(desk.id, with_held=True) == 2
    assert (await desk.owners())[waiting] == other


async def test_every_decision_is_stored_in_order_and_is_made_again(desk: Any) -> None:
    await desk.set(mode="round_robin", capacity=30)
    for _ in range(3):
        await desk.agent()
    for _ in range(3):
        await desk.conversations(20)
        await desk.router().route(desk.id)
    async with desk.tx() as tx:
        stored = await routing.records(tx, after=0, limit=100)
    assert [one.number for one in stored] == [1, 21, 41]
    for one in stored:
        assert differences(one) == []
        made = decide(record.unpacked(one.snapshot)).choices
        assert [choice.conversation_id for choice in made] == [move.conversation_id for move in one.moved]
    changed = replace(stored[0], choices=stored[0].choices[1:])
    assert [one["difference"] for one in differences(changed)][-1] == "it was moved without a choice"
    assert Counter((await desk.owners()).values()).most_common()[-1][1] == 20


async def test_wake_during_a_decision_leads_to_one_more(desk: Any) -> None:
    await desk.set()
    await desk.agent()
    router, done = desk.router(), asyncio.Event()
    decided = []

    async def route(account_id: Any, **_: Any) -> int:
        decided.append(account_id)
        await asyncio.sleep(0)
        if len(decided) == 2:
            done.set()
        return 1

    router.route = route
    for _ in range(5):
        router.wake(desk.id)
    await asyncio.sleep(0)
    router.wake(desk.id)
    async with asyncio.timeout(20):
        await done.wait()
    await asyncio.sleep(0)
    assert decided == [desk.id] * 2


async def test_router_remembers_accounts_without_routing_until_settings_change(desk: Any) -> None:
    router = desk.router()
    await router.route(desk.id)
    await desk.agent()
    await desk.conversation()
    await desk.set()
    assert desk.id in router._off
    router.forget(desk.id)
    assert await router.route(desk.id) == 1


@pytest.mark.parametrize("capacity", [0, 1000])
async def test_capacity_has_bounds(desk: Any, capacity: int) -> None:
    await desk.set(capacity=capacity)
    await desk.agent()
    await desk.conversations(2)
    assert await desk.router().route(desk.id) == min(capacity, 2)


async def test_records_that_are_too_old_are_deleted_with_their_decisions(desk: Any, database_url: str) -> None:
    await desk.set()
    await desk.agent()
    for _ in range(2):
        await desk.conversation()
        await desk.router().route(desk.id)
    await desk.execute(
        "UPDATE routing_records SET decided_at = now() - interval '8 days' "
        "WHERE account_id = %(account)s AND number = 1"
    )
    await desk.execute("UPDATE accounts SET retention_days = 7 WHERE account_id = %(account)s")
    eraser = Database(database_url, role="hummdesk_eraser", size=1, timeout=20)
    await eraser.open()
    async with eraser.all_accounts() as tx:
        await routing.prune(tx, days=30)
    await eraser.close()
    left = "SELECT number FROM routing_decisions WHERE account_id = %(account)s"
    assert await desk.execute(left) == [(2,)]


async def test_watch_counts_what_is_stranded_and_given_above_the_capacity(desk: Any) -> None:
    await desk.set(capacity=1)
    agent = await desk.agent()
    watch = Watch(desk.app, desk.presence)
    first = await desk.conversation()
    await desk.router().route(desk.id)
    await desk.conversation(waits=60)
    figures = await watched(watch, desk)
    assert (figures.waiting, figures.stranded, figures.above_capacity) == (1, 0, 0)
    assert figures.oldest_account_wait >= 60 > figures.oldest_team_wait
    await desk.execute("UPDATE routing_settings SET capacity = 2 WHERE account_id = %(account)s")
    await desk.router().route(desk.id)
    await desk.execute(
        "UPDATE routing_decisions SET capacity = 1 WHERE account_id = %(account)s"
    )  # as if it were wrong
    assert (await watched(watch, desk)).above_capacity == 1
    erase = "UPDATE conversations SET erased_at = %(at)s WHERE account_id = %(account)s AND id = %(id)s"
    await desk.execute(erase, id=first, at=datetime.now(UTC))
    assert (await watched(watch, desk)).above_capacity == 0
    await desk.execute(erase, id=first, at=None)
    await desk.execute(
        "INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type) "
        "VALUES (%(account)s, %(id)s, gen_random_uuid(), 'status_changed', 'system')",
        id=first,
    )
    assert (await watched(watch, desk)).above_capacity == 0
    assert agent in (await desk.owners()).values()


async def watched(watch: Watch, desk: Any) -> Figures:
    found = await watch.figures(desk.id)
    assert found is not None
    return found


async def test_snoozed_conversation_is_neither_assigned_nor_part_of_the_load(desk: Any) -> None:
    await desk.set(capacity=1)
    agent = await desk.agent()
    held, snoozed, waiting = [await desk.conversation(waits=waits) for waits in (30, 20, 10)]
    assert await desk.router().route(desk.id) == 1
    await desk.execute(
        "UPDATE conversations SET status = 'pending', snoozed_until = now() + interval '1 day' WHERE id = ANY(%(ids)s)",
        ids=[held, snoozed],
    )
    assert await desk.router().route(desk.id) == 1
    assert await desk.owners() == {held: agent, waiting: agent}
    await desk.execute("UPDATE conversations SET status = 'open' WHERE id = ANY(%(ids)s)", ids=[held, snoozed])
    assert await desk.router().route(desk.id) == 0
