"""The structure of the AsyncAPI document. The official parser validates it in `make test-systems`, in seven seconds."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import jsonschema_rs

from hummdesk.contract import asyncapi
from hummdesk.contract.table import EVENTS, REQUESTS

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The schemas of AsyncAPI 3 are a superset of this version."""

Path = Sequence[str | int]


def references(part: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the paths and targets of all references."""
    if isinstance(part, dict) and "$ref" in part:
        yield path, part["$ref"]
        assert part.keys() == {"$ref"}, f"{path}: other keys beside $ref are ignored"
    elif isinstance(part, dict | list):
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from references(value, (*path, key))


def kind_of(path: Path) -> str:
    """Return the kind of part to which a reference at this path leads."""
    if "payload" in path or "schemas" in path:
        return "schemas"
    return "channels" if "channel" in path else "securitySchemes" if "security" in path else "messages"


def resolve(document: Any, reference: str) -> Any:
    start, *keys = reference.split("/")
    assert start == "#"
    return reduce(lambda part, key: part[key], keys, document)


def test_every_reference_is_to_a_part_of_its_kind() -> None:
    document = asyncapi.document()
    found = list(references(document))
    assert len(found) > 4 * len(REQUESTS) + 2 * len(EVENTS)
    for path, reference in found:
        assert isinstance(resolve(document, reference), dict), path
        assert reference.split("/")[-2] == kind_of(path), path


def test_every_event_and_request_is_a_message_with_an_operation() -> None:
    document = asyncapi.document()
    messages = document["components"]["messages"]
    expected = {f"event.{name}" for name in EVENTS}
    expected |= {f"{part}.{name}" for name in REQUESTS for part in ("request", "answer")}
    assert messages.keys() == expected
    assert document["channels"]["desk"]["messages"].keys() == expected

    def message_of(part: Any) -> Any:
        """Return the only message of an operation, through its reference to the channel's, which is one as well."""
        (reference,) = part["messages"]
        assert part["channel"] == {"$ref": "#/channels/desk"}
        return resolve(document, resolve(document, reference["$ref"])["$ref"])

    operations = document["operations"]
    for name in EVENTS:
        operation = operations.pop(f"on_{name}")
        assert operation["action"] == "send"
        assert message_of(operation) is messages[f"event.{name}"]
    for name in REQUESTS:
        operation = operations.pop(name)
        assert operation["action"] == "receive"
        assert message_of(operation) is messages[f"request.{name}"]
        assert message_of(operation["reply"]) is messages[f"answer.{name}"]
    assert not operations


def test_every_payload_and_schema_is_valid_json_schema() -> None:
    parts = asyncapi.document()["components"]
    schemas = parts["schemas"] | {name: message["payload"] for name, message in parts["messages"].items()}
    for name, schema in schemas.items():
        try:
            jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})
        except jsonschema_rs.ValidationError as error:
            raise AssertionError(name) from error
