"""What a client can make the server store and send again is bounded in bytes."""

from typing import Any

import orjson
import pytest
from marshmallow import ValidationError

from hummdesk.contract.fields import MAX_ADDRESS, MAX_METADATA_BYTES
from hummdesk.contract.requests import SendMessage
from hummdesk.core.errors import PayloadTooLarge
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.messages import MAX_MESSAGE_BYTES, NewMessage, Outgoing

SENDER = Person(account_id=new_id(), id=new_id(), email="a@example.com", name="A", role="agent")


def loaded(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = SendMessage().load({"conversationId": str(new_id()), "content": "x", **more})
    return found


def attachment(url: str) -> dict[str, Any]:
    return {"url": url, "filename": "f", "contentType": "text/plain", "size": 1}


def test_address_over_the_limit_in_bytes_is_refused() -> None:
    host = "https://h/"
    loaded(attachments=[attachment(host + (MAX_ADDRESS - len(host)) * "a")])
    with pytest.raises(ValidationError, match=r"2048 bytes"):
        loaded(attachments=[attachment(host + 600 * "\N{GRINNING FACE}")])


@pytest.mark.parametrize("number", [1e98, -1e98, 1e-98])
def test_metadata_with_exponents_counts_the_digits_that_postgresql_writes(number: float) -> None:
    few = MAX_METADATA_BYTES // 110
    loaded(metadata={"a": [number] * few})
    with pytest.raises(ValidationError):
        loaded(metadata={"a": {"b": [number] * 2 * few}})


def test_metadata_with_a_number_that_python_clients_cannot_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="numbers"):
        loaded(metadata={"a": [{"b": 1e300}]})


def test_metadata_with_ordinary_numbers_fills_its_limit() -> None:
    loaded(metadata={"a": [123.25] * (MAX_METADATA_BYTES // 7 - 10)})


def test_message_at_the_limit_is_accepted_and_above_it_is_too_large() -> None:
    def message(size: int) -> NewMessage:
        address = "https://h/" + "\N{GRINNING FACE}" * 500
        files = [{**attachment(address), "filename": "f" * 255}] * 10
        rest = len(orjson.dumps(files)) + len('""{}')
        return NewMessage(conversation_id=new_id(), content="x" * (size - rest), attachments=files)

    assert Outgoing.of(SENDER, message(MAX_MESSAGE_BYTES)).item
    with pytest.raises(PayloadTooLarge) as refused:
        Outgoing.of(SENDER, message(MAX_MESSAGE_BYTES + 1))
    assert refused.value.details == {"bytes": MAX_MESSAGE_BYTES + 1, "maxBytes": MAX_MESSAGE_BYTES}


def test_control_characters_count_as_json_writes_them() -> None:
    loaded(content="a" + "\x01" * 9_998 + "b")
    files = [attachment("https://h/" + "a" * 1_000)] * 6
    with pytest.raises(PayloadTooLarge):
        Outgoing.of(SENDER, NewMessage(conversation_id=new_id(), content="\x01" * 10_000, attachments=files))
