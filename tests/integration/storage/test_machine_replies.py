"""No reply of a machine follows a person's that the machine has not seen."""

import os
from typing import Any

import pytest

from hummdesk.core.errors import Conflict, Invalid, Unavailable
from hummdesk.core.models import Person
from hummdesk.storage import api_keys
from hummdesk.storage.messages import Sent
from tests.integration.storage.conftest import WriterHarness

RACES, CONVERSATIONS = 10_000 if os.environ.get("CHAOS") == "full" else 300, 30
AUTOMATIC = {"automatic": True}


@pytest.fixture
async def bot(account: Any) -> Person:
    """An API key that sends in its own name."""
    async with account.tx() as tx:
        key, _ = await api_keys.create(tx, None, account.id, name="bot", scope="write")
    made = Person(account_id=account.id, id=key.id, email="", name="System", role="agent", is_key=True)
    account.people["bot"] = made
    return made


async def test_automatic_reply_without_basis_and_any_of_a_machine_with_force_are_invalid(
    account: Any, bot: Person
) -> None:
    await account.send(account.customer)
    forced = {"based_on_seq": 1, "force": True}
    for sender, more, field in (
        (account.agent, {"metadata": AUTOMATIC}, "basedOnSeq"),
        (account.agent, {"metadata": AUTOMATIC} | forced, "force"),
        (bot, forced, "force"),
    ):
        with pytest.raises(Invalid) as refused:
            await account.send(sender, **more)
        assert list(refused.value.details or ()) == [field]
    assert (await account.see(account.admin)).last_seq == 1


async def test_message_of_the_system_without_basis_is_based_on_the_last_one_of_the_customer(
    account: Any, bot: Person
) -> None:
    assert (await account.send(bot, "Welcome")).created
    await account.send(account.customer)
    assert (await account.send(bot, "We have it")).created
    await account.send(account.agent, "Looking into it", private=True)
    assert (await account.send(bot, "Our experts look into it")).created
    answer = (await account.send(account.agent, "It is on its way")).message
    with pytest.raises(Conflict) as refused:
        await account.send(bot, "We have sent it")
    details = refused.value.details
    assert details is not None
    assert [one["seq"] for one in details["missed"]] == [3, 4, 5, 6], "those after the customer's last message"
    assert (details["missed"][-1], details["lastSeq"]) == (answer.wire(), 6)
    await account.send(account.customer, "Thank you")
    assert (await account.send(bot, "Rate us")).created


async def test_conflict_of_the_system_before_any_message_of_the_customer_has_the_first_messages(
    account: Any, bot: Person
) -> None:
    answer = (await account.send(account.agent, "Welcome")).message
    with pytest.raises(Conflict) as refused:
        await account.send(bot, "Welcome")
    assert refused.value.details == {"missed": [answer.wire()], "lastSeq": 1, "hasMore": False}


async def test_note_of_a_machine_and_message_of_a_customer_need_no_basis(account: Any, bot: Person) -> None:
    assert (await account.send(bot, private=True)).created
    assert (await account.send(account.customer, metadata=AUTOMATIC)).created


async def test_machine_reply_after_an_unseen_reply_of_any_agent_conflicts(account: Any, bot: Person) -> None:
    await account.send(account.customer)
    answer = (await account.send(account.agent, "Answer")).message
    for sender, metadata in ((bot, {}), (account.agent, AUTOMATIC), (account.colleague, AUTOMATIC)):
        with pytest.raises(Conflict) as refused:
            await account.send(sender, metadata=metadata, based_on_seq=1)
        assert refused.value.details == {"missed": [answer.wire()], "lastSeq": 2, "hasMore": False}
    assert (await account.send(bot, based_on_seq=2)).created
    assert (await account.send(account.agent, metadata=AUTOMATIC, based_on_seq=3)).created


async def test_machine_reply_based_on_a_future_seq_conflicts(account: Any, bot: Person) -> None:
    await account.send(account.customer)
    with pytest.raises(Conflict) as refused:
        await account.send(bot, based_on_seq=2)
    assert refused.value.details == {"missed": [], "lastSeq": 1, "hasMore": False}


async def test_forced_reply_of_a_person_is_stored_after_another_agents(account: Any) -> None:
    await account.send(account.customer)
    await account.send(account.colleague, "Answer")
    with pytest.raises(Conflict):
        await account.send(account.agent, based_on_seq=1)
    assert (await account.send(account.agent, based_on_seq=1, force=True)).created


@pytest.mark.timeout(600)
async def test_machine_never_answers_after_a_person_in_concurrent_races(
    account: Any, bot: Person, harness: WriterHarness, elsewhere: WriterHarness
) -> None:
    """A person and two machines answer each question at once, through two processes."""
    places = [account.conversation, *[await account.start(account.customer) for _ in range(CONVERSATIONS - 1)]]
    refused = 0
    for turn in range(RACES // CONVERSATIONS):
        asked = [await account.send(account.customer, conversation_id=conversation) for conversation in places]
        at = (harness, elsewhere) if turn % 2 else (elsewhere, harness)
        answers = await harness.at_once(*(send for one in asked for send in _answers(account, one, at, turn)))
        assert {type(one) for one in answers} <= {Sent, Conflict, Unavailable}, (
            "a slow machine may not store one in time"
        )
        refused += sum(isinstance(one, Conflict) for one in answers)
    assert refused, "no race was lost"
    after_person = await account.execute(
        """
        SELECT machine.seq
        FROM messages AS machine
        JOIN messages AS person USING (account_id, conversation_id)
        WHERE account_id = %(account)s
          AND (machine.metadata ->> 'basis')::bigint < person.seq
          AND person.seq < machine.seq
          AND person.sender_type = 'agent'
          AND NOT person.metadata ? 'basis'
        """
    )
    assert after_person == []


def _answers(account: Any, asked: Sent, at: tuple[WriterHarness, WriterHarness], turn: int) -> list[Any]:
    seq = asked.message.seq
    here: dict[str, Any] = {"conversation_id": asked.message.conversation_id}
    basis = here | {"based_on_seq": seq, "metadata": AUTOMATIC | {"basis": seq}}
    person = at[0].send(account, "agent", **here)
    machines = [at[turn // 2 % 2].send(account, who, **basis) for who in ("bot", "colleague")]
    return [person, *machines] if turn % 3 else [*machines, person]
