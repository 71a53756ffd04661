"""The contract as an AsyncAPI 3 document.

Each event, each request and each answer is a message. AsyncAPI has no acknowledgements as Socket.IO has: an answer is a
reply on the same channel.
"""

from typing import Any

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import JsonSchema, reference
from hummdesk.contract.json_schema import payload_of, shapes
from hummdesk.contract.payloads import ErrorReport
from hummdesk.contract.table import EVENTS, REQUESTS, Event, Request

CHANNEL = "desk"
NOTHING: JsonSchema = {"type": "null"}
DESCRIPTION = """\
The real-time server of a customer support desk, over Socket.IO v5. The token is `auth.token` of the handshake.
Every request can be acknowledged, with `{"ok": true, …}` or `{"ok": false, "error": …}`; without an acknowledgement an
error arrives as the event `error`. A request that is answered `ok` has been committed.
"""


def document() -> dict[str, Any]:
    sent = {_event_name(event): _event(event) for event in EVENTS.values()}
    asked = {_request_name(request): _request(request) for request in REQUESTS.values()}
    answers = {_answer_name(request): _answer(request) for request in REQUESTS.values()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "HummDesk", "version": "1.0.0", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "desk": {"host": "127.0.0.1:5000", "pathname": "/socket.io/", "protocol": "ws", "security": [_SECURITY]}
        },
        "channels": {
            CHANNEL: {
                "address": "/",
                "description": "Socket.IO's main namespace",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sent | asked | answers},
            }
        },
        "operations": {request.name: _operation(request) for request in REQUESTS.values()}
        | {f"on_{event.name}": _sending(event) for event in EVENTS.values()},
        "components": {
            "messages": sent | asked | answers,
            "schemas": shapes(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


_SECURITY = {"$ref": "#/components/securitySchemes/token"}


def _event_name(event: Event) -> str:
    return f"event.{event.name}"


def _request_name(request: Request) -> str:
    return f"request.{request.name}"


def _answer_name(request: Request) -> str:
    return f"answer.{request.name}"


def _event(event: Event) -> dict[str, Any]:
    recipients = ", ".join(sorted(event.recipients))
    return {"name": event.name, "summary": f"To: {recipients}", "payload": reference(instance_of(event.schema))}


def _request(request: Request) -> dict[str, Any]:
    roles = ", ".join(sorted(request.roles))
    return {"name": request.name, "summary": f"From: {roles}", "payload": payload_of(request) or NOTHING}


def _answer(request: Request) -> dict[str, Any]:
    done = {"type": "object", "properties": {"ok": {"const": True}}, "required": ["ok"]}
    fields = shapes()[type(instance_of(request.answer)).__name__]
    done = done | {
        "properties": done["properties"] | fields["properties"],
        "required": ["ok", *fields.get("required", ())],
        "additionalProperties": False,
    }
    refused = {
        "type": "object",
        "properties": {"ok": {"const": False}, "error": reference(ErrorReport())},
        "required": ["ok", "error"],
        "additionalProperties": False,
    }
    return {"name": request.name, "payload": {"oneOf": [done, refused]}}


def _operation(request: Request) -> dict[str, Any]:
    """From the point of view of the server, which receives requests."""
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "messages": [_on_channel(_request_name(request))],
        "reply": {"channel": {"$ref": f"#/channels/{CHANNEL}"}, "messages": [_on_channel(_answer_name(request))]},
    }


def _sending(event: Event) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "messages": [_on_channel(_event_name(event))],
    }


def _on_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{CHANNEL}/messages/{name}"}
