from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.storage import conversations, labels, moves
from hummdesk.storage.conversations import Filter, Status


async def test_start_conversation_is_visible_to_staff_and_customer(account: Any) -> None:
    started = await account.start(account.customer, subject="Broken", metadata={"page": "/cart"})
    seen = await account.see(account.viewer, started)
    assert replace(seen, priority=None, label_ids=None) == await account.see(account.customer, started)
    assert (seen.id, seen.account_id, seen.contact_id) == (started, account.id, account.customer.id)
    assert (seen.contact_name, seen.contact_email, seen.contact_avatar) == ("Customer", "customer@example.com", None)
    assert (seen.status, seen.priority, seen.assigned_to, seen.assigned_team) == ("open", "medium", None, None)
    assert (seen.subject, seen.metadata) == ("Broken", {"page": "/cart"})
    assert (seen.last_seq, seen.unread_count, seen.last_message) == (0, 0, None)
    assert seen.created_at.utcoffset() == timedelta(0)


async def test_start_conversation_is_logged(account: Any) -> None:
    assert await account.log() == [("created", "customer", {})]


async def test_start_with_repeated_client_id_returns_the_first_conversation(account: Any) -> None:
    values: dict[str, Any] = {"subject": None, "metadata": {}, "client_message_id": "once"}
    async with account.tx() as tx:
        first, created = await conversations.start(tx, contact=account.customer, **values)
        assert created
        assert await conversations.start(tx, contact=account.customer, **values) == (first, False)
        other, created = await conversations.start(tx, contact=account.stranger, **values)
        assert created
    assert other != first


@pytest.mark.parametrize("who", ["stranger", "foreign admin", "unknown"])
async def test_get_conversation_by_person_without_access_raises_not_found(account: Any, foreign: Any, who: str) -> None:
    place = foreign if who == "foreign admin" else account
    viewer = {"stranger": account.stranger, "foreign admin": foreign.admin, "unknown": account.admin}[who]
    wanted = new_id() if who == "unknown" else account.conversation
    async with place.tx() as tx:
        for look in (conversations.get, conversations.check, conversations.lock):
            with pytest.raises(NotFound):
                await look(tx, viewer=viewer, conversation_id=wanted)
    with pytest.raises(NotFound):
        async with foreign.tx() as tx:
            await conversations.as_staff(tx, conversation_id=account.conversation)


async def test_note_is_hidden_from_the_customer(account: Any) -> None:
    public = (await account.send(account.agent, "Public")).message
    note = (await account.send(account.agent, "Note", private=True)).message
    as_customer, as_staff = await account.see(account.customer), await account.see(account.agent)
    assert (as_customer.last_message, as_customer.last_seq) == (public, 1)
    assert (as_staff.last_message, as_staff.last_seq) == (note, 2)
    async with account.tx() as tx:
        shared = await conversations.as_staff(tx, conversation_id=account.conversation)
    assert shared == replace(as_staff, unread_count=None)


async def test_conversation_of_notes_only_is_empty_for_the_customer(account: Any) -> None:
    await account.send(account.agent, "Note", private=True)
    seen = await account.see(account.customer)
    assert (seen.last_message, seen.last_seq, seen.unread_count) == (None, 0, 0)


async def test_change_status_is_logged_with_its_reason(account: Any) -> None:
    before = await account.see(account.agent)
    async with account.tx() as tx:
        change = await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason="Solved"
        )
    after = await account.see(account.agent)
    assert (change.old, change.new, change.at) == ("open", "closed", after.updated_at)
    assert after.status == "closed"
    assert after.updated_at > before.updated_at
    assert (await account.log())[-1] == (
        "status_changed",
        "agent",
        {"from": "open", "to": "closed", "reason": "Solved"},
    )


async def test_change_status_to_the_current_one_changes_nothing(account: Any) -> None:
    before = await account.see(account.agent)
    async with account.tx() as tx:
        change = await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="open", reason=None
        )
    assert (change.old, change.new, change.at) == ("open", "open", before.updated_at)
    assert await account.see(account.agent) == before
    assert len(await account.log()) == 1


async def test_assign_reassign_and_unassign_are_logged(account: Any) -> None:
    async def assign(agent_id: UUID, team_id: UUID | None) -> None:
        async with account.tx() as tx:
            moved = await moves.assign(
                tx, actor=account.admin, conversation_id=account.conversation, agent_id=agent_id, team_id=team_id
            )
        assert moved is not None
        seen = await account.see(account.admin)
        assert (seen.assigned_to, seen.assigned_team, seen.updated_at) == (agent_id, team_id, moved.at)

    agent, team = account.agent.id, account.team
    await assign(agent, team)
    await assign(agent, team)
    await assign(account.admin.id, None)
    async with account.tx() as tx:
        was = await moves.unassign(tx, actor=account.admin, conversation_id=account.conversation, reason="Shift over")
    seen = await account.see(account.admin)
    assert (was.id_of("fromAgent"), was.id_of("fromTeam"), was.at) == (account.admin.id, None, seen.updated_at)
    assert (seen.assigned_to, seen.assigned_team) == (None, None)
    first = {"toAgent": str(agent), "toTeam": str(team), "rule": "assignment"}
    moved_on = {"fromAgent": str(agent), "fromTeam": str(team), "toAgent": str(account.admin.id), "rule": "transfer"}
    given_back = {"fromAgent": str(account.admin.id), "reason": "Shift over", "rule": "release", "queued": True}
    assert [(kind, details) for kind, _, details in await account.log()] == [
        ("created", {}),
        ("assigned", first),
        ("assigned", first | {"fromAgent": str(agent), "fromTeam": str(team)}),
        ("assigned", moved_on),
        ("unassigned", given_back),
    ]


@pytest.mark.parametrize("what", ["conversation", "agent", "foreign agent", "customer", "team"])
async def test_assign_with_unknown_id_raises_not_found(account: Any, foreign: Any, what: str) -> None:
    agents = {"agent": new_id(), "foreign agent": foreign.agent.id, "customer": account.customer.id}
    with pytest.raises(NotFound):
        async with account.tx() as tx:
            await moves.assign(
                tx,
                actor=account.admin,
                conversation_id=foreign.conversation if what == "conversation" else account.conversation,
                agent_id=agents.get(what, account.agent.id),
                team_id=foreign.team if what == "team" else account.team,
            )
    assert (await account.see(account.admin)).assigned_to is None
    assert len(await account.log()) == 1


@pytest.mark.parametrize("who", ["viewer", "colleague"])
async def test_assign_to_user_who_cannot_answer_raises_invalid(account: Any, who: str) -> None:
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.colleague.id)
    with pytest.raises(Invalid) as refused:
        async with account.tx() as tx:
            await moves.assign(
                tx,
                actor=account.admin,
                conversation_id=account.conversation,
                agent_id=account.people[who].id,
                team_id=None,
            )
    assert refused.value.details == {"agentId": ["Not an active agent or admin."]}


async def test_unassign_without_assignment_raises_conflict(account: Any, foreign: Any) -> None:
    async with account.tx() as tx:
        with pytest.raises(Conflict):
            await moves.unassign(tx, actor=account.agent, conversation_id=account.conversation, reason=None)
        with pytest.raises(NotFound):
            await moves.unassign(tx, actor=account.agent, conversation_id=foreign.conversation, reason=None)
        with pytest.raises(NotFound):
            await conversations.change_status(
                tx, actor=account.agent, conversation_id=foreign.conversation, status="closed", reason=None
            )
        with pytest.raises(NotFound):
            await conversations.set_priority(
                tx, actor=account.agent, conversation_id=foreign.conversation, priority="high"
            )
    assert len(await account.log()) == 1


async def test_set_priority_is_logged_without_counting_as_activity(account: Any) -> None:
    before = await account.see(account.agent)
    async with account.tx() as tx:
        urgent = {"actor": account.agent, "conversation_id": account.conversation, "priority": "urgent"}
        assert await conversations.set_priority(tx, **urgent)
        assert not await conversations.set_priority(tx, **urgent)
    after = await account.see(account.agent)
    assert (after.priority, after.updated_at) == ("urgent", before.updated_at)
    assert await account.log() == [
        ("created", "customer", {}),
        ("priority_changed", "agent", {"from": "medium", "to": "urgent"}),
    ]


async def pages(account: Any, *, viewer: Any, limit: int = 50, **wanted: Any) -> list[list[UUID]]:
    """The ids of all pages, following the cursors."""
    found: list[list[UUID]] = []
    cursor: str | None = None
    async with account.tx() as tx:
        while True:
            shown, cursor = await conversations.page(
                tx, viewer=viewer, wanted=Filter(**wanted), limit=limit, cursor=cursor
            )
            found.append([one.id for one in shown])
            if cursor is None:
                return found


async def test_pages_by_activity_contain_every_conversation_once(account: Any) -> None:
    ids = [account.conversation] + [await account.start(account.stranger) for _ in range(6)]
    await account.send(account.customer)
    newest_first = [ids[0], *reversed(ids[1:])]
    found = await pages(account, viewer=account.viewer, limit=3)
    assert [one for page in found for one in page] == newest_first
    assert [len(page) for page in found] == [3, 3, 1]


async def test_pages_of_equal_times_contain_every_conversation_once(account: Any) -> None:
    ids = {account.conversation} | {await account.start(account.stranger) for _ in range(6)}
    await account.execute(
        "UPDATE conversations SET updated_at = '2026-01-01 00:00:00.123456' WHERE account_id = %(account)s"
    )
    found = [one for page in await pages(account, viewer=account.admin, limit=2) for one in page]
    assert found == sorted(ids, reverse=True)


async def test_page_is_filtered_by_status_agent_and_customer(account: Any, foreign: Any) -> None:
    mine, closed, other = (
        account.conversation,
        await account.start(account.customer),
        await account.start(account.stranger),
    )
    async with account.tx() as tx:
        await conversations.change_status(tx, actor=account.agent, conversation_id=closed, status="closed", reason=None)
        for conversation_id in (mine, closed):
            await moves.assign(
                tx, actor=account.agent, conversation_id=conversation_id, agent_id=account.agent.id, team_id=None
            )

    async def page(**wanted: Any) -> set[UUID]:
        return {one for page in await pages(account, **wanted) for one in page}

    agent = account.agent.id
    assert await page(viewer=account.viewer) == {mine, closed, other}
    assert await page(viewer=account.viewer, status="open") == {mine, other}
    assert await page(viewer=account.viewer, status="pending") == set()
    assert await page(viewer=account.viewer, assigned_to=agent) == {mine, closed}
    assert await page(viewer=account.viewer, assigned_to=agent, status="closed") == {closed}
    assert await page(viewer=account.viewer, assigned_to=account.admin.id) == set()
    assert await page(viewer=account.customer) == {mine, closed}
    assert await page(viewer=account.customer, status="closed") == {closed}
    assert await page(viewer=account.customer, assigned_to=agent, status="open") == {mine}
    assert await page(viewer=account.stranger, assigned_to=agent) == set()
    assert foreign.conversation not in await page(viewer=account.admin)


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "ä", "\ud800", "_" * 32, "A" * 31, "A" * 5000])
async def test_page_with_invalid_cursor_raises_invalid(account: Any, cursor: str) -> None:
    async with account.tx() as tx:
        with pytest.raises(Invalid) as refused:
            await conversations.page(tx, viewer=account.admin, cursor=cursor)
    assert refused.value.details == {"cursor": ["Not a cursor of this list."]}


async def found(account: Any, words: str, **more: Any) -> list[Any]:
    async with account.tx() as tx:
        page, _ = await conversations.page(tx, viewer=account.viewer, wanted=Filter(words=words, **more))
    return [conversation.id for conversation in page]


async def test_search_finds_words_in_messages_subjects_and_customers(account: Any, foreign: Any) -> None:
    other = await account.start(account.stranger, subject="Invoice 2026-117 is wrong")
    await account.send(account.customer, "My kettle's lid (blue) does not fit")
    await account.send(account.agent, "They ordered twice", private=True)
    await foreign.send(foreign.customer, "kettle")
    for words in ("kettle", "KETT", "blu fit", "lid kettle's", "twice", "customer@exam", "Customer@example.com"):
        assert await found(account, words) == [account.conversation], words
    for words in ("2026-117", "invo", "Stranger"):
        assert await found(account, words) == [other], words
    assert await found(account, "customer kettle") == []
    for words in ("absent", "'", "\\", "!", "a & | b", "':*", "kettle' | 'a"):
        assert await found(account, words) == [], words


async def test_search_results_are_filtered_and_paged(account: Any) -> None:
    other = await account.start(account.customer, subject="kettle")
    await account.send(account.customer, "kettle")
    async with account.tx() as tx:
        await moves.assign(tx, actor=account.admin, conversation_id=other, agent_id=account.agent.id, team_id=None)
        await conversations.change_status(tx, actor=account.admin, conversation_id=other, status="closed", reason=None)
    assert await found(account, "kettle", unassigned=True) == [account.conversation]
    assert await found(account, "kettle", assigned_to=account.agent.id) == [other]
    assert await found(account, "kettle", status="closed") == [other]
    async with account.tx() as tx:
        wanted = {"viewer": account.viewer, "wanted": Filter(words="kettle"), "limit": 1}
        first, cursor = await conversations.page(tx, **wanted)
        second, end = await conversations.page(tx, cursor=cursor, **wanted)
    assert [one.id for one in (*first, *second)] == [other, account.conversation]
    assert end is None


async def test_page_of_unassigned_lists_conversations_without_agent(account: Any) -> None:
    other = await account.start(account.stranger)
    async with account.tx() as tx:
        await moves.assign(tx, actor=account.admin, conversation_id=other, agent_id=account.agent.id, team_id=None)
        page, _ = await conversations.page(tx, viewer=account.viewer, wanted=Filter(unassigned=True))
        own, _ = await conversations.page(tx, viewer=account.stranger, wanted=Filter(unassigned=True))
    assert [conversation.id for conversation in page] == [account.conversation]
    assert own == []


@pytest.mark.parametrize("words", ["lighthouse", "from:ustomer", "from:ustomer lighthouse"])
async def test_number_of_found_conversations_says_whether_matches_were_cut(
    account: Any, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Matches are messages and customers: their number says nothing about that of the conversations."""
    for _ in range(3):
        await account.send(account.customer, "lighthouse")

    async def number(status: Status | None) -> tuple[int, bool]:
        async with account.tx() as tx:
            wanted = Filter(words=words, status=status)
            found = await conversations.number_by_agent(tx, wanted=wanted, owner_id=None, is_mine=False, limit=1000)
        return found[0].total(), found[1]

    assert [await number(status) for status in (None, "closed")] == [(1, False), (0, False)]
    monkeypatch.setattr(conversations, "SEARCH_LIMIT", 1)
    assert [await number(status) for status in (None, "closed")] == [(1, True), (0, True)]


async def test_search_without_account_finds_nothing(account: Any) -> None:
    await account.send(account.customer, "kettle")
    async with account.app.all_accounts() as tx:
        rows = await (await tx.execute("SELECT search_conversations('kettle', 10)")).fetchall()
    assert rows == []


async def test_message_without_an_ai_run_reopens_its_conversation_and_is_unread(account: Any) -> None:
    """A customer beyond the limit of AI runs is still answered: the log said `open` while the row stayed closed."""
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason=None
        )
    sent = await account.send(account.customer, needs_ai=False)
    seen = await account.see(account.agent)
    assert sent.reopened_from == "closed"
    assert (seen.status, seen.unread_count) == ("open", 1)
    assert await account.execute("SELECT FROM ai_runs WHERE conversation_id = %(conversation)s") == []


async def test_search_finds_parts_of_words(account: Any, foreign: Any) -> None:
    other = await account.start(account.stranger, subject="Teillieferung 4711-XY")
    await account.send(account.customer, "The snowboots (size 100%) arrived")
    await foreign.send(foreign.customer, "snowboots")
    for words in ("wboot", "BOOTS snow", "100%", "ustomer@exam"):
        assert await found(account, words) == [account.conversation], words
    for words in ("lieferung", "711-x", "tranger"):
        assert await found(account, words) == [other], words
    for words in ("bo", "0_%", "boots_"):
        assert await found(account, words) == [], words


async def test_search_without_a_match_finds_similar_words(account: Any, foreign: Any) -> None:
    other = await account.start(account.stranger, subject="Damaged parcel")
    await account.send(account.customer, "I would like a refund of my kettle")
    await foreign.send(foreign.customer, "recieve")
    for words in ("refnd", "refound ketle", "custommer"):
        assert await found(account, words) == [account.conversation], words
    assert await found(account, "damged parcl") == [other]
    for words in ("refnd absent", "recieve", "ketl me"):
        assert await found(account, words) == [], words


async def test_search_filters_by_sender_label_day_and_state(account: Any) -> None:
    other = await account.start(account.stranger, subject="kettle")
    await account.send(account.customer, "kettle")
    label, _ = await _labelled(account, other)
    today, tomorrow = datetime.now(UTC).date(), datetime.now(UTC).date() + timedelta(days=1)
    async with account.tx() as tx:
        await moves.assign(tx, actor=account.admin, conversation_id=other, agent_id=account.agent.id, team_id=None)
        await conversations.change_status(tx, actor=account.admin, conversation_id=other, status="closed", reason=None)
    both = [other, account.conversation]
    for words, expected in {
        "from:stranger": [other],
        "from:stranger@ kettle": [other],
        "kettle from:nobody": [],
        f"label:{label}": [other],
        f"label:{label.upper()} from:customer": [],
        "is:closed": [other],
        "kettle is:open": [account.conversation],
        "is:open is:closed kettle": both,
        "is:unassigned": [account.conversation],
        f"before:{tomorrow + timedelta(days=1)} kettle": both,
        f"before:{today - timedelta(days=1)}": [],
        f"after:{tomorrow}": [],
        f"after:{today - timedelta(days=2)} from:customer": [account.conversation],
        f"after:{today - timedelta(days=2)}": both,
    }.items():
        assert await found(account, words) == expected, words
    assert await found(account, "is:closed", status="open") == []
    for words in ("label:absent", "to:me"):
        with pytest.raises(Invalid) as refused:
            await found(account, words)
        assert set(refused.value.details or {}) == {"search"}


async def _labelled(account: Any, conversation: UUID) -> tuple[str, UUID]:
    async with account.tx() as tx:
        label, _ = await labels.create(tx, account.admin, name="Vip", color="#0b5f59", label_id=new_id())
        await labels.change(tx, actor=account.admin, conversation_id=conversation, added=[label.id])
    return label.name, label.id
