"""Authorization and validation of requests, decided without a server."""

from typing import Any, cast
from uuid import UUID

import pytest

from hummdesk.contract.table import REQUESTS
from hummdesk.core.errors import (
    Forbidden,
    HummDeskError,
    Invalid,
    PayloadTooLarge,
    Unauthorized,
    UnknownEvent,
)
from hummdesk.core.models import Person, Role
from hummdesk.engine import UnparsedPayload
from hummdesk.server.context import ServerContext
from hummdesk.server.dispatch import authorized, dispatch, validated
from hummdesk.server.rate_limits import TokenBucket
from hummdesk.server.sockets import ClientSession

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def a_session(role: Role | None) -> ClientSession:
    session = ClientSession(sid="s", pid="p", address="127.0.0.1", bucket=TokenBucket(rate=0, burst=0))
    if role is not None:
        session.person = Person(account_id=UUID(ID), id=UUID(ID), email="a@example.com", name="Ada", role=role)
    return session


async def test_request_behind_the_one_that_closed_the_socket_is_not_handled() -> None:
    session = a_session("admin")
    session.closing = True
    answer = await dispatch(cast("ServerContext", None), session, "get_teams", [], acknowledges=True)
    assert answer["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("role", ["admin", "agent", "viewer", "customer"])
def test_authorized_follows_the_roles_of_the_table(name: str, role: Role) -> None:
    session = a_session(role)
    if role in REQUESTS[name].roles:
        assert authorized(session, name) is REQUESTS[name]
    else:
        with pytest.raises(Forbidden):
            authorized(session, name)


@pytest.mark.parametrize("name", [*REQUESTS, "unheard_of"])
def test_authorized_without_person_allows_authenticate_only(name: str) -> None:
    if name == "authenticate":
        assert authorized(a_session(None), name).name == "authenticate"
    else:
        with pytest.raises(Unauthorized):
            authorized(a_session(None), name)


@pytest.mark.parametrize("event", ["unheard_of", "connect", "disconnect", 7, None, ["send_message"]])
def test_authorized_with_event_outside_the_table_is_unknown(event: object) -> None:
    with pytest.raises(UnknownEvent):
        authorized(a_session("admin"), event)


def test_validated_takes_a_bare_value_for_its_field() -> None:
    request = REQUESTS["leave_conversation"]
    assert validated(request, [ID]) == validated(request, [{"conversationId": ID}]) == {"conversationId": UUID(ID)}


@pytest.mark.parametrize("arguments", [[], [None], [{}]])
def test_validated_without_payload_is_an_empty_object(arguments: list[Any]) -> None:
    assert validated(REQUESTS["get_teams"], arguments) == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([UnparsedPayload.TOO_LARGE], PayloadTooLarge),
        ([UnparsedPayload.TOO_DEEP], Invalid),
        ([{}, {}], Invalid),
        ([[]], Invalid),
        (["text"], Invalid),
        ([{"conversationId": ID}], Invalid),
        ([{"conversationId": ID, "content": "Hello", "surplus": 1}], Invalid),
    ],
)
def test_validated_refuses_what_the_schema_does_not_take(arguments: list[Any], expected: type[HummDeskError]) -> None:
    with pytest.raises(expected):
        validated(REQUESTS["send_message"], arguments)


def test_validated_names_each_invalid_field() -> None:
    with pytest.raises(Invalid) as refusal:
        validated(REQUESTS["send_message"], [{"conversationId": "7", "content": "Hello", "surplus\udfff": 1}])
    assert refusal.value.details is not None
    assert set(refusal.value.details) == {"conversationId", "surplus?"}
