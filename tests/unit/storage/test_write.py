"""The statement of a batch of messages has the steps that the batch needs."""

import re
from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import messages
from hummdesk.storage.messages import NewMessage, Outgoing

CUSTOMER = Person(account_id=new_id(), id=new_id(), email="c@example.com", name="Customer", role="customer")
AGENT = replace(CUSTOMER, id=new_id(), name="Agent", role="agent")
NEW = NewMessage(conversation_id=new_id(), content="Hello")


def steps(*outgoing: Outgoing) -> set[str]:
    """The names of the CTEs."""
    statement, parameters = messages.write(list(outgoing))
    assert list(parameters) == ["items"]
    return set(re.findall(r"^(?:WITH |\), )(\w+) AS ", statement, flags=re.MULTILINE))


def test_batch_of_customers_has_no_steps_of_staff() -> None:
    of_customer, of_agent = Outgoing.of(CUSTOMER, NEW), Outgoing.of(AGENT, NEW)
    assert steps(of_customer, of_agent) - steps(of_customer, of_customer) == {"mark", "answer"}
    assert {"event", "message", "touch", "run", "entry"} < steps(of_customer)


@pytest.mark.parametrize("key", [None, new_id()])
def test_message_that_an_api_key_sends_for_a_customer_is_logged(key: UUID | None) -> None:
    statement, _ = messages.write([Outgoing.of(CUSTOMER, replace(NEW, sent_by_key=key))])
    assert ("'message_sent'" in statement) is (key is not None)
    assert "'status_changed'" in statement
