"""Deliveries of webhooks: at least once, per conversation in order, whatever the receiver and the relays do."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
from standardwebhooks import WebhookVerificationError

from hummdesk.core.encryption import Encryption
from hummdesk.relay.webhooks import session
from hummdesk.relay.webhooks.schedule import FAILED_KEYS
from hummdesk.relay.webhooks.sender import Sender
from hummdesk.storage import webhook_deliveries, webhooks
from hummdesk.storage.database import Database
from tests.integration.relay.conftest import (
    KEYS,
    PATIENCE_SECONDS,
    Hook,
    Relay,
    conversations,
    hook,
    numbered,
    relay,
    say,
)
from tests.integration.relay.receiver import OK, Received, Receiver, accept, receiving, status
from tests.integration.storage.conftest import Account
from tests.running_time import running_timeout

CONTENT = "my number is 555-0199"


def by_conversation(received: list[Received]) -> dict[str, list[int]]:
    """The numbers of events by conversation, in order of their first arrival."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for one in received:
        found[one.event["conversationId"]][one.number] = None
    return {conversation: list(numbers) for conversation, numbers in found.items()}


def refuse(*conversation_ids: UUID) -> Any:
    """Refuse the events of these conversations."""

    async def answer(received: Received) -> bytes:
        refused = received.event["conversationId"] in map(str, conversation_ids)
        return await status(500)(received) if refused else OK

    return answer


async def hang(_: Received) -> bytes:
    await asyncio.Event().wait()
    return OK


async def test_events_are_delivered_signed_and_in_order(account: Account, receiver: Receiver, started: Relay) -> None:
    made = await hook(account, receiver.url)
    both = await conversations(account, 2)
    for number in range(20):
        await say(account, both[number % 2], f"{CONTENT} {number}")
    await numbered(account)
    await receiver.until(lambda one: len(one.accepted) == 20)
    assert all(
        numbers == sorted(numbers) and len(numbers) == 10 for numbers in by_conversation(receiver.accepted).values()
    )
    first = receiver.requests[0]
    event = first.verify(made.secret)
    assert first.headers["webhook-id"] == f"{made.id}.{event['number']}"
    assert event["accountId"] == str(account.id)
    assert event["data"]["content"].startswith(CONTENT)
    log = await made.until("delivered")
    assert [(one.attempts, one.last_status, one.last_error) for one in log] == [(1, 204, None)] * 20


async def test_only_subscribed_events_are_delivered(account: Account, receiver: Receiver, started: Relay) -> None:
    await hook(account, receiver.url, events=("conversation_created",))
    async with receiving() as other:
        await hook(account, other.url, events=("*",))
        await say(account, (await conversations(account, 2))[1])
        await numbered(account)
        await receiver.until(lambda one: one.accepted)
        await other.until(lambda one: len(one.accepted) >= 2)
        assert [one.event["type"] for one in receiver.requests] == ["conversation_created"]
        assert {one.event["type"] for one in other.requests} >= {"conversation_created", "new_message"}


async def test_webhook_receives_no_event_of_another_account(
    account: Account, foreign: Account, receiver: Receiver, started: Relay
) -> None:
    await hook(account, receiver.url, events=("*",))
    await say(foreign, foreign.conversation)
    await say(account, account.conversation)
    await numbered(foreign)
    await numbered(account)
    await receiver.until(lambda one: one.accepted)
    assert {one.event["accountId"] for one in receiver.requests} == {str(account.id)}


async def test_refused_delivery_delays_its_conversation_and_no_other(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    bad, good = await conversations(account, 2)
    receiver.answer = refuse(bad)
    for _ in range(3):
        await say(account, bad)
        await say(account, good)
    await numbered(account)
    await receiver.until(lambda one: len(one.accepted) == 3)
    first = min(one.number for one in receiver.requests if one.event["conversationId"] == str(bad))
    await receiver.until(lambda one: sum(other.number == first for other in one.requests) >= 3)
    assert {one.number for one in receiver.requests if one.event["conversationId"] == str(bad)} == {first}
    receiver.answer = accept
    await receiver.until(lambda one: len(one.accepted) == 6)
    assert all(numbers == sorted(numbers) for numbers in by_conversation(receiver.accepted).values())
    attempts = {one.number: one.attempts for one in await made.until("delivered")}
    assert attempts.pop(first) > 3
    assert set(attempts.values()) == {1}


async def test_delivery_is_set_aside_after_its_time_and_later_ones_go_on(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(503)
    first = await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: len(one.requests) >= 2)
    (pending,) = await made.log("pending")
    assert pending.last_error == "HTTP 503"
    assert timedelta(days=2.9) < await give_up_in(made) < timedelta(days=3)
    await account.execute(
        "UPDATE webhook_deliveries SET give_up_at = clock_timestamp() WHERE webhook_id = %(id)s", id=made.id
    )
    await restarted(started)
    await made.until("set_aside")
    receiver.answer = accept
    await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: one.accepted)
    log = await made.until("set_aside", "delivered")
    assert [(one.status, one.number) for one in log] == [
        ("delivered", pending.number + 1),
        ("set_aside", pending.number),
    ]
    assert str(first) not in {one.event["data"]["messageId"] for one in receiver.accepted}


async def give_up_in(made: Hook) -> timedelta:
    ((left,),) = await made.account.execute(
        "SELECT give_up_at - clock_timestamp() FROM webhook_deliveries WHERE webhook_id = %(id)s", id=made.id
    )
    assert isinstance(left, timedelta)
    return left


async def restarted(one: Relay) -> None:
    """Stop and start a relay, which reads the pending deliveries again."""
    await one.stop()
    one.start()


async def test_unavailable_receiver_is_sent_little_and_gets_everything_afterwards(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(500)
    many = await conversations(account, FAILED_KEYS + 10)
    for conversation in many:
        await say(account, conversation)
        await say(account, conversation)
    await numbered(account)
    await receiver.until(lambda one: len(one.requests) >= session.MAX_ATTEMPTS_OF_WEBHOOK + 2)
    before = len(receiver.requests)
    await asyncio.sleep(1)
    assert len(receiver.requests) - before <= 20, "a delivery after each pause of 0.1 to 0.2 s"
    receiver.answer = accept
    await receiver.until(lambda one: len(one.accepted) == 2 * len(many))
    assert all(numbers == sorted(numbers) for numbers in by_conversation(receiver.accepted).values())
    await made.until("delivered")


async def test_receiver_that_is_gone_disables_its_webhook(account: Account, receiver: Receiver, started: Relay) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(410)
    await say(account, account.conversation)
    await numbered(account)
    async with asyncio.timeout(20):
        while await made.is_enabled():
            await asyncio.sleep(0.02)
    async with account.tx() as tx:
        assert (await webhooks.get(tx, made.id)).disabled_reason == "gone"
    await say(account, account.conversation)
    await numbered(account)
    receiver.answer = accept
    async with account.tx() as tx:
        await webhooks.update(tx, None, made.id, enabled=True)
    await receiver.until(lambda one: len(one.accepted) == 2)


async def test_receiver_that_hangs_costs_only_its_own_deliveries(
    account: Account, receiver: Receiver, database_url: str
) -> None:
    async with receiving() as hanging, relay(database_url, slots=12, seconds=1) as one:
        hanging.answer = hang
        made = await hook(account, hanging.url)
        await hook(account, receiver.url)
        many = await conversations(account, 30)
        for conversation in many:
            await say(account, conversation)
        await numbered(account)
        async with running_timeout(5):
            await receiver.until(lambda found: len(found.accepted) == 30)
        assert hanging.accepted == []
        assert one.in_flight(made) <= session.MAX_ATTEMPTS_OF_WEBHOOK
        async with asyncio.timeout(PATIENCE_SECONDS):  # the attempts from before it counted as unavailable end
            while one.in_flight(made) > 1 or len(hanging.requests) <= session.MAX_ATTEMPTS_OF_WEBHOOK:
                await asyncio.sleep(0.02)
        before = len(receiver.accepted)
        for conversation in many:
            await say(account, conversation)
        await numbered(account)
        async with running_timeout(5):
            await receiver.until(lambda found: len(found.accepted) == before + 30)
        assert one.in_flight(made) <= 1, "the unavailable receiver is sent one delivery at a time"
        assert one.failures == []


async def test_killed_relay_is_followed_by_another_without_a_loss(
    account: Account, receiver: Receiver, database_url: str
) -> None:
    made = await hook(account, receiver.url)
    many = await conversations(account, 5)
    async with relay(database_url) as second:
        for number in range(60):
            await say(account, many[number % 5])
        await numbered(account)
        await receiver.until(lambda one: len(one.accepted) >= 15)
        await second.kill()
        seen = len(receiver.accepted)
        async with relay(database_url):
            await asyncio.sleep(0.3)
            assert len(receiver.accepted) <= seen + session.MAX_ATTEMPTS_OF_WEBHOOK, "the lease has not ended"
            await account.execute("UPDATE webhooks SET lease_until = clock_timestamp() WHERE id = %(id)s", id=made.id)
            await made.until("delivered")
    assert len({one.number for one in receiver.accepted}) == 60
    assert all(numbers == sorted(numbers) for numbers in by_conversation(receiver.accepted).values())


async def test_stopped_relay_hands_over_at_once_and_repeats_nothing(
    account: Account, receiver: Receiver, database_url: str
) -> None:
    made = await hook(account, receiver.url)
    many = await conversations(account, 3)
    async with relay(database_url) as first:
        for number in range(60):
            await say(account, many[number % 3])
        await numbered(account)
        await receiver.until(lambda one: len(one.accepted) >= 10)
        await first.stop()
        async with relay(database_url):
            await made.until("delivered")
    assert len(receiver.requests) == len({one.number for one in receiver.requests}) == 60


async def test_relays_share_webhooks_and_deliver_each_event_once(
    account: Account, foreign: Account, receiver: Receiver, database_url: str
) -> None:
    async with receiving() as other, relay(database_url), relay(database_url):
        hooks = [await hook(account, receiver.url), await hook(foreign, other.url)]
        for _ in range(20):
            await say(account, account.conversation)
            await say(foreign, foreign.conversation)
        await asyncio.gather(numbered(account), numbered(foreign))
        for one in hooks:
            await one.until("delivered")
        for found in (receiver, other):
            assert len(found.requests) == 20
            assert found.numbers() == sorted(found.numbers())


async def test_replayed_delivery_has_the_same_id(account: Account, receiver: Receiver, started: Relay) -> None:
    made = await hook(account, receiver.url)
    for _ in range(3):
        await say(account, account.conversation)
    last = await numbered(account)
    await made.until("delivered")
    async with account.tx() as tx:
        await webhook_deliveries.replay(tx, None, made.id, last)
    await receiver.until(lambda one: len(one.accepted) == 4)
    repeated = [one.headers["webhook-id"] for one in receiver.accepted if one.number == last]
    assert repeated == [f"{made.id}.{last}"] * 2
    assert len(await made.until("delivered")) == 3


async def test_events_after_a_number_are_replayed_in_order(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    for _ in range(10):
        await say(account, account.conversation)
    last = await numbered(account)
    await made.until("delivered")
    async with account.tx() as tx:
        await webhooks.rewind(tx, None, made.id, after=last - 4)
    await receiver.until(lambda one: len(one.accepted) == 14)
    assert [one.number for one in receiver.accepted[10:]] == list(range(last - 3, last + 1))


async def test_deliveries_that_were_set_aside_are_replayed(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    await numbered(account)
    await account.execute(
        "UPDATE webhooks SET failing_since = clock_timestamp() - interval '4 days' WHERE id = %(id)s", id=made.id
    )
    receiver.answer = status(400)
    for _ in range(3):
        await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: one.requests)
    assert timedelta(minutes=50) < await give_up_in_first(made) < timedelta(hours=1)
    await account.execute(
        "UPDATE webhook_deliveries SET give_up_at = clock_timestamp() WHERE webhook_id = %(id)s", id=made.id
    )
    await restarted(started)
    await made.until("set_aside")
    receiver.answer = accept
    async with account.tx() as tx:
        assert await webhook_deliveries.replay_set_aside(tx, None, made.id) == 3
    await receiver.until(lambda one: len(one.accepted) == 3)
    assert receiver.numbers() == sorted(receiver.numbers())


async def give_up_in_first(made: Hook) -> timedelta:
    rows = await made.account.execute(
        "SELECT give_up_at - clock_timestamp() FROM webhook_deliveries WHERE webhook_id = %(id)s LIMIT 1", id=made.id
    )
    left = rows[0][0]
    assert isinstance(left, timedelta)
    return left


async def test_replay_of_a_pending_delivery_changes_nothing(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(500)
    await say(account, account.conversation)
    last = await numbered(account)
    await receiver.until(lambda one: one.requests)
    async with account.tx() as tx:
        assert await webhook_deliveries.replay(tx, None, made.id, last) == 0


async def test_both_secrets_sign_after_a_rotation_until_the_old_one_ends(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    async with account.tx() as tx:
        new, _ = await webhooks.rotate_secret(tx, Encryption([KEYS]), None, account.id, made.id)
    await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: one.accepted)
    for secret in (new, made.secret):
        receiver.accepted[0].verify(secret)
    await account.execute("UPDATE webhooks SET previous_secret_until = clock_timestamp() WHERE id = %(id)s", id=made.id)
    await restarted(started)
    await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: len(one.accepted) == 2)
    receiver.accepted[1].verify(new)
    with pytest.raises(WebhookVerificationError):
        receiver.accepted[1].verify(made.secret)


async def test_secrets_are_encrypted_again_with_the_newest_key(
    account: Account, receiver: Receiver, database_url: str
) -> None:
    made = await hook(account, receiver.url)
    newer = "a newer key of the tests with 32 bytes"
    operator = Database(database_url, role="hummdesk_operator", size=1, timeout=20)
    await operator.open()
    async with operator.all_accounts() as tx:
        assert await webhooks.reencrypt(tx, Encryption([newer, KEYS])) >= 1
        assert await webhooks.reencrypt(tx, Encryption([newer, KEYS])) == 0
    await operator.close()
    await say(account, account.conversation)
    await numbered(account)
    async with relay(database_url, encryption=Encryption([newer])):
        await receiver.until(lambda one: one.accepted)
    receiver.accepted[0].verify(made.secret)


async def test_secret_that_cannot_be_decrypted_fails_the_attempt_and_is_not_lost(
    account: Account, receiver: Receiver, database_url: str
) -> None:
    made = await hook(account, receiver.url)
    await say(account, account.conversation)
    await numbered(account)
    async with relay(database_url, encryption=Encryption(["another key of at least 32 bytes"])):
        async with asyncio.timeout(20):
            while not [one for one in await made.log() if one.attempts]:
                await asyncio.sleep(0.02)
        assert (await made.log())[0].last_error == "the secret cannot be decrypted: ENCRYPTION_KEYS lacks its key"
    async with relay(database_url):
        await receiver.until(lambda one: one.accepted)


async def test_attempt_that_fails_inside_is_repeated(
    account: Account, receiver: Receiver, started: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await hook(account, receiver.url)
    monkeypatch.setattr(Sender, "send", AsyncMock(side_effect=ZeroDivisionError))
    await say(account, account.conversation)
    await numbered(account)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not [one for one in await made.log() if one.attempts]:
            await asyncio.sleep(0.02)
    assert (await made.log())[0].last_error == "the attempt failed inside HummDesk"
    monkeypatch.undo()
    await receiver.until(lambda one: one.accepted)


async def test_test_event_is_delivered_each_time_under_a_new_id(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    for number in (1, 2):
        async with account.tx() as tx:
            await webhook_deliveries.add_test(tx, made.id)
        await receiver.until(lambda one, number=number: len(one.accepted) == number)  # type: ignore[misc]
        await made.until("delivered")
    events = [one.verify(made.secret) for one in receiver.accepted]
    assert [(event["number"], event["type"]) for event in events] == [(0, "test")] * 2
    assert len({one.headers["webhook-id"] for one in receiver.accepted}) == 2


async def test_enabled_webhook_continues_where_it_was_disabled(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    async with account.tx() as tx:
        await webhooks.update(tx, None, made.id, enabled=False)
    for _ in range(3):
        await say(account, account.conversation)
    await numbered(account)
    await asyncio.sleep(0.3)
    assert receiver.requests == []
    async with account.tx() as tx:
        await webhooks.update(tx, None, made.id, enabled=True)
    await receiver.until(lambda one: len(one.accepted) == 3)


async def test_webhook_of_a_disabled_account_pauses_until_the_account_is_enabled(
    account: Account, foreign: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(500)
    await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: one.requests)
    await account.execute("UPDATE accounts SET disabled_at = clock_timestamp() WHERE account_id = %(account)s")
    await started.until_paused(made)
    before = len(receiver.requests)
    await say(account, account.conversation)
    await numbered(account)
    async with receiving() as other:
        made_elsewhere = await hook(foreign, other.url)
        await say(foreign, foreign.conversation)
        await numbered(foreign)
        await made_elsewhere.until("delivered")
    assert len(receiver.requests) == before
    async with started.services.database.all_accounts() as tx:
        backlog = await webhook_deliveries.backlog(tx)
    assert (backlog.pending, backlog.failing) == (0, 0)
    receiver.answer = accept
    await account.execute("UPDATE accounts SET disabled_at = NULL WHERE account_id = %(account)s")
    await receiver.until(lambda one: len(one.accepted) == 2)


async def test_retry_after_an_erasure_has_no_content(account: Account, receiver: Receiver, started: Relay) -> None:
    await hook(account, receiver.url)
    receiver.answer = status(500)
    message = await say(account, account.conversation, CONTENT)
    await numbered(account)
    await receiver.until(lambda one: one.requests)
    assert CONTENT in receiver.requests[0].body.decode()
    await account.execute(
        "UPDATE messages SET content = '', erased_at = clock_timestamp() WHERE id = %(id)s", id=message
    )
    before = len(receiver.requests)
    await receiver.until(lambda one: len(one.requests) > before + 1)
    assert CONTENT not in receiver.requests[-1].body.decode()
    assert (
        await account.execute("SELECT FROM webhook_deliveries WHERE webhook_deliveries::text LIKE '%%555-0199%%'") == []
    )


async def test_events_that_the_feed_lost_are_a_gap_in_the_log(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    async with account.tx() as tx:
        await webhooks.update(tx, None, made.id, enabled=False)
    for _ in range(5):
        await say(account, account.conversation)
    last = await numbered(account)
    await account.execute(
        "DELETE FROM feed_events WHERE account_id = %(account)s AND number <= %(last)s - 2", last=last
    )
    async with account.tx() as tx:
        await webhooks.update(tx, None, made.id, enabled=True)
    await receiver.until(lambda one: len(one.accepted) == 2)
    log = await made.until("delivered", "set_aside")
    assert [one.status for one in log] == ["delivered", "delivered", "set_aside"]
    assert log[-1].last_error == f"the feed no longer has the events {last - 4} to {last - 2}"


async def test_event_that_the_feed_lost_while_it_was_retried_is_set_aside(
    account: Account, receiver: Receiver, started: Relay
) -> None:
    made = await hook(account, receiver.url)
    receiver.answer = status(500)
    await say(account, account.conversation)
    await numbered(account)
    await receiver.until(lambda one: one.requests)
    await account.execute("DELETE FROM feed_events WHERE account_id = %(account)s")
    (ended,) = await made.until("set_aside")
    assert ended.last_error == "the feed no longer has this event"


async def test_more_events_than_the_window_are_delivered_in_order(
    account: Account, receiver: Receiver, started: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WINDOW", 10)
    monkeypatch.setattr(session, "PAGE", 4)
    made = await hook(account, receiver.url)
    receiver.answer = status(500)
    many = await conversations(account, 3)
    for number in range(60):
        await say(account, many[number % 3])
    await numbered(account)
    await receiver.until(lambda one: len(one.requests) > 5)
    assert len(await made.log()) <= 14, "the feed is not read on while the receiver fails"
    receiver.answer = accept
    await receiver.until(lambda one: len(one.accepted) == 60)
    assert all(numbers == sorted(numbers) for numbers in by_conversation(receiver.accepted).values())
    async with account.tx() as tx:
        await webhooks.rewind(tx, None, made.id, after=0)
    await receiver.until(lambda one: len(one.accepted) == 120)


async def test_old_deliveries_leave_the_log(account: Account, receiver: Receiver, started: Relay) -> None:
    made = await hook(account, receiver.url)
    for _ in range(3):
        await say(account, account.conversation)
    await numbered(account)
    await made.until("delivered")
    await account.execute(
        "UPDATE webhook_deliveries SET finished_at = finished_at - interval '31 days' "
        "WHERE webhook_id = %(id)s AND number < (SELECT max(number) FROM webhook_deliveries)",
        id=made.id,
    )
    assert await started.deliverer.prune() is None
    assert len(await made.log()) == 1
