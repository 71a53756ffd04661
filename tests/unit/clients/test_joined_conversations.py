"""The order of messages in a joined conversation of the Python client."""

from typing import Any, cast

from hummdesk_client.socket.contract import Joined, Message
from hummdesk_client.socket.conversations import JoinedConversation


def message(seq: int) -> Message:
    return cast(Message, {"seq": seq})


def joined(**more: Any) -> Joined:
    return cast(Joined, {"conversation": {"revision": 0}, **more})


def seqs(messages: list[Message]) -> list[int]:
    return [one["seq"] for one in messages]


def test_messages_while_joining_are_held_and_follow_the_missed_ones() -> None:
    conversation = JoinedConversation(last_seq=2)
    assert conversation.receive([message(5)]) == []
    assert seqs(conversation.open(joined(), [message(3), message(4), message(5)])) == [3, 4, 5]
    assert seqs(conversation.receive([message(6)])) == [6]


def test_message_that_was_received_is_not_passed_on_again() -> None:
    conversation = JoinedConversation()
    conversation.open(joined(), [message(1)])
    assert seqs(conversation.receive([message(1), message(2)])) == [2]
    assert conversation.receive([message(2)]) == []


def test_messages_after_a_lost_connection_are_held_until_the_next_join() -> None:
    conversation = JoinedConversation()
    conversation.open(joined(), [message(1)])
    conversation.hold()
    assert conversation.receive([message(3)]) == []
    conversation.hold()
    assert seqs(conversation.open(joined(), [message(2)])) == [2, 3]


def test_messages_are_received_again_once_the_server_may_have_lost_them() -> None:
    conversation = JoinedConversation()
    conversation.open(joined(), [message(1), message(2)])
    conversation.forget()
    assert conversation.receive([message(3)]) == []
    assert seqs(conversation.open(joined(), [message(1), message(2)])) == [1, 2, 3]
