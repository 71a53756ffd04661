"""The unread counts that a client keeps from answers and events in any order."""

import itertools
from typing import Any

import pytest
from hummdesk_client.socket import UnreadCounts


def change(count: int, last_seq: int) -> Any:
    return {"conversationId": "c", "unreadCount": count, "lastSeq": last_seq, "timestamp": ""}


def message(seq: int, sender: str = "customer") -> Any:
    return {"conversationId": "c", "senderType": sender, "seq": seq}


def test_later_messages_of_the_customer_add_to_the_count_of_an_answer() -> None:
    unread = UnreadCounts()
    assert unread.of("c") == 0
    unread.load(change(2, 4))
    for one in (message(4), message(5), message(5), message(6, "agent"), message(7)):
        unread.add(one)
    assert unread.of("c") == 4
    event: Any = {"conversationId": "c", "lastSeq": 7}
    unread.load(event)
    assert unread.of("c") == 4, "events of the account have no count"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_count_does_not_depend_on_the_order_of_events(order: tuple[int, ...]) -> None:
    """The count at seq 6 includes the message 5, and the message 7 is later, whatever arrives first."""
    unread = UnreadCounts()
    steps = (
        lambda: unread.change(change(0, 3)),
        lambda: unread.change(change(1, 6)),
        lambda: unread.add(message(5)),
        lambda: unread.add(message(7)),
    )
    for step in order:
        steps[step]()
    assert unread.of("c") == 2
