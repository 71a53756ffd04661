from typing import Any

import pytest

from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.storage import conversations, messages, reads

ATTACHMENT = {"url": "https://example.com/a.png", "filename": "a.png", "contentType": "image/png", "size": 1}


async def test_send_message_stores_all_fields(account: Any) -> None:
    sent = await account.send(
        account.agent,
        "<b>Grüße</b> 👋",
        content_type="html",
        attachments=[ATTACHMENT],
        metadata={"a": [1, None, {"b": "ü"}]},
        client_message_id="mine",
    )
    async with account.tx() as tx:
        [kept], more = await messages.page(tx, viewer=account.customer, conversation_id=account.conversation)
    assert kept == sent.message
    assert not more
    assert (sent.created, sent.reopened_from, sent.has_pending_predecessor) == (True, None, False)
    assert (kept.conversation_id, kept.seq, kept.private) == (account.conversation, 1, False)
    assert (kept.sender_id, kept.sender_type, kept.sender_name) == (account.agent.id, "agent", "Agent")
    assert (kept.content, kept.content_type, kept.client_message_id) == ("<b>Grüße</b> 👋", "html", "mine")
    assert (kept.attachments, kept.metadata) == ([ATTACHMENT], {"a": [1, None, {"b": "ü"}]})
    assert (await account.see(account.admin)).updated_at == kept.created_at


@pytest.mark.parametrize("who", ["stranger", "foreign"])
async def test_send_by_person_without_access_raises_not_found(account: Any, foreign: Any, who: str) -> None:
    place, sender = (foreign, foreign.admin) if who == "foreign" else (account, account.stranger)
    with pytest.raises(NotFound):
        await place.send(sender, conversation_id=account.conversation)
    assert (await account.see(account.admin)).last_seq == 0


async def test_send_message_with_repeated_client_id_returns_the_first(account: Any) -> None:
    first = await account.send(account.customer, "One", client_message_id="m")
    again = await account.send(account.customer, "Two", client_message_id="m")
    assert (again.message, again.created) == (first.message, False)
    seen = await account.see(account.agent)
    assert (seen.last_seq, seen.unread_count) == (1, 1)
    assert await account.execute("SELECT count(*) FROM ai_runs WHERE account_id = %(account)s") == [(1,)]


async def test_client_id_is_unique_per_sender_and_conversation(account: Any) -> None:
    other = await account.start(account.customer)
    for sender, conversation in ((account.customer, account.conversation), (account.agent, account.conversation)):
        assert (await account.send(sender, client_message_id="m", conversation_id=conversation)).created
    assert (await account.send(account.customer, client_message_id="m", conversation_id=other)).created


async def test_seq_counts_notes(account: Any) -> None:
    sent = [await account.send(account.agent, private=private) for private in (False, True, False)]
    assert [one.message.seq for one in sent] == [1, 2, 3]


async def test_send_has_pending_predecessor_while_that_is_recent_or_unpublished(account: Any) -> None:
    """Redis may have been unavailable for minutes, or the process that committed the predecessor has died."""
    last = await account.send(account.agent)
    await forget_outbox(account)
    assert (await account.send(account.agent)).has_pending_predecessor, "recent"
    for is_unpublished in (True, False):
        if not is_unpublished:
            await forget_outbox(account)
        await account.execute(
            "UPDATE messages SET created_at = created_at - interval '6 s' WHERE account_id = %(account)s"
        )
        sent = await account.send(account.agent)
        assert sent.has_pending_predecessor == is_unpublished
    assert sent.message.seq == last.message.seq + 3


async def forget_outbox(account: Any) -> None:
    await account.execute("DELETE FROM outbox WHERE account_id = %(account)s")


async def test_send_after_clock_went_back_keeps_times_ascending(account: Any) -> None:
    await account.execute(
        "UPDATE conversations SET updated_at = now() + interval '1 hour' WHERE account_id = %(account)s"
    )
    first, second = await account.send(account.agent), await account.send(account.agent)
    assert second.message.created_at >= first.message.created_at
    assert first.message.created_at == (await account.see(account.admin)).updated_at


@pytest.mark.parametrize("status", ["pending", "closed"])
async def test_send_by_customer_reopens_the_conversation(account: Any, status: Any) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status=status, reason=None
        )
    for quiet in ({"sender": account.agent}, {"sender": account.agent, "private": True}):
        assert (await account.send(**quiet)).reopened_from is None
    assert (await account.see(account.agent)).status == status
    sent = await account.send(account.customer)
    assert sent.reopened_from == status
    assert (await account.see(account.agent)).status == "open"
    expected = {"from": status, "to": "open", "messageId": str(sent.message.id), "queued": True}
    assert (await account.log())[-1] == ("status_changed", "customer", expected)
    assert (await account.send(account.customer)).reopened_from is None


async def test_send_creates_ai_run_for_customer_only(account: Any) -> None:
    asked = await account.send(account.customer)
    await account.send(account.agent)
    await account.send(account.agent, private=True)
    jobs = await account.execute("SELECT message_id, seq, kind, status FROM ai_runs WHERE account_id = %(account)s")
    assert jobs == [(asked.message.id, 1, "classification", "pending")]


async def test_send_with_outdated_base_raises_conflict_with_missed_messages(account: Any) -> None:
    await account.send(account.customer, "Question")
    answer = (await account.send(account.colleague, "Answer")).message
    note = (await account.send(account.admin, "Note", private=True)).message
    with pytest.raises(Conflict) as refused:
        await account.send(account.agent, "Late", based_on_seq=1)
    assert refused.value.details == {"missed": [answer.wire(), note.wire()], "lastSeq": 3, "hasMore": False}
    assert (await account.see(account.agent)).last_seq == 3


async def test_send_with_base_before_own_or_customer_messages_is_stored(account: Any) -> None:
    await account.send(account.customer)
    await account.send(account.agent, "My own")
    await account.send(account.colleague, "A note", private=True)
    await account.send(account.customer, "More")
    assert (await account.send(account.agent, based_on_seq=1)).created
    await account.send(account.colleague, "Answer")
    assert (await account.send(account.agent, based_on_seq=6)).created
    assert (await account.send(account.agent, based_on_seq=99)).created
    assert (await account.send(account.agent)).created
    assert (await account.send(account.customer, based_on_seq=1)).created


async def test_repeated_send_with_outdated_base_returns_the_first(account: Any) -> None:
    first = await account.send(account.agent, client_message_id="m", based_on_seq=0)
    await account.send(account.colleague)
    again = await account.send(account.agent, client_message_id="m", based_on_seq=0)
    assert (again.message, again.created) == (first.message, False)


async def test_conflict_with_many_missed_messages_is_limited(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MISSED_LIMIT", 2)
    for _ in range(4):
        await account.send(account.colleague)
    with pytest.raises(Conflict) as refused:
        await account.send(account.agent, based_on_seq=1)
    assert refused.value.details is not None
    assert [one["seq"] for one in refused.value.details["missed"]] == [2, 3]
    assert (refused.value.details["lastSeq"], refused.value.details["hasMore"]) == (4, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": "a\0b"},
        {"content": "half \ud800"},
        {"metadata": {"a": "\0"}},
        {"metadata": {"\0": 1}},
        {"metadata": {"a": "\ud800"}},
        {"attachments": [{"url": "\0"}]},
        {"client_message_id": "\0"},
        {"content": ""},
        {"content_type": "text", "private": True, "sender": "customer"},
        {"based_on_seq": -(2**70)},
    ],
    ids=repr,
)
async def test_value_that_cannot_be_stored_raises_invalid(account: Any, wrong: dict[str, Any]) -> None:
    await account.send(account.colleague)
    sender = account.people[wrong.pop("sender", "agent")]
    with pytest.raises(Invalid):
        await account.send(sender, **wrong)
    assert (await account.see(account.agent)).last_seq == 1


async def seqs(account: Any, **wanted: Any) -> tuple[list[int], bool]:
    async with account.tx() as tx:
        found, more = await messages.page(tx, conversation_id=account.conversation, **wanted)
    return [one.seq for one in found], more


async def test_pages_of_messages_go_both_ways(account: Any) -> None:
    for _ in range(7):
        await account.send(account.agent)
    viewer = account.viewer
    assert await seqs(account, viewer=viewer) == ([1, 2, 3, 4, 5, 6, 7], False)
    assert await seqs(account, viewer=viewer, limit=3) == ([5, 6, 7], True)
    assert await seqs(account, viewer=viewer, limit=3, before_seq=5) == ([2, 3, 4], True)
    assert await seqs(account, viewer=viewer, limit=3, before_seq=2) == ([1], False)
    assert await seqs(account, viewer=viewer, limit=3, after_seq=0) == ([1, 2, 3], True)
    assert await seqs(account, viewer=viewer, limit=3, after_seq=4) == ([5, 6, 7], False)
    assert await seqs(account, viewer=viewer, limit=3, after_seq=2, before_seq=5) == ([3, 4], False)
    assert await seqs(account, viewer=viewer, after_seq=7) == ([], False)
    assert await seqs(account, viewer=viewer, before_seq=1) == ([], False)


async def test_pages_for_the_customer_contain_no_notes(account: Any) -> None:
    for private in (False, True, True, False, True):
        await account.send(account.agent, private=private)
    assert await seqs(account, viewer=account.customer) == ([1, 4], False)
    assert await seqs(account, viewer=account.customer, limit=1) == ([4], True)
    assert await seqs(account, viewer=account.customer, limit=1, after_seq=0) == ([1], True)
    assert await seqs(account, viewer=account.customer, after_seq=4) == ([], False)


async def test_missed_above_the_limit_returns_none(account: Any) -> None:
    sent = [(await account.send(account.agent, private=private)).message for private in (False, True, False)]

    async def missed(viewer: Any, after_seq: int, **more: Any) -> Any:
        async with account.tx() as tx:
            found, last = await messages.missed(
                tx, viewer=viewer, conversation_id=account.conversation, after_seq=after_seq, **more
            )
        return found, last.last_seq

    assert await missed(account.admin, 0) == (sent, 3)
    assert await missed(account.admin, 1, limit=2) == (sent[1:], 3)
    assert await missed(account.admin, 0, limit=2) == (None, 3)
    assert await missed(account.admin, 3) == ([], 3)
    assert await missed(account.customer, 0, limit=2) == ([sent[0], sent[2]], 3)
    await account.send(account.agent, private=True)
    assert await missed(account.customer, 3) == ([], 3)


async def test_messages_for_person_without_access_raise_not_found(account: Any, foreign: Any) -> None:
    for place, viewer in ((account, account.stranger), (foreign, foreign.admin)):
        async with place.tx() as tx:
            with pytest.raises(NotFound):
                await messages.page(tx, viewer=viewer, conversation_id=account.conversation)
            with pytest.raises(NotFound):
                await messages.missed(tx, viewer=viewer, conversation_id=account.conversation, after_seq=0)
            with pytest.raises(NotFound):
                await reads.mark_read(tx, reader=viewer, conversation_id=account.conversation, message_id=None)
