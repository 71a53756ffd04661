"""The contract as types of TypeScript, for `Socket<ServerToClientEvents, ClientToServerEvents>` of socket.io-client."""

import json

from hummdesk.contract.fields import JsonSchema, reference
from hummdesk.contract.json_schema import payload_of, shapes
from hummdesk.contract.table import EVENTS, REQUESTS, Request

HEAD = """\
// Made by `python -m hummdesk contract --typescript` from hummdesk/events. Do not edit.

/** What a request is answered with: `ok` tells the two apart. */
export type Answer<T> = ({ ok: true; error?: never } & T) | { ok: false; error: ErrorReport };

export type Acknowledge<T> = (answer: Answer<T>) => void;

export type ErrorCode = ErrorReport["code"];
"""


def render() -> str:
    parts = [HEAD, *(_interface(name, shape) for name, shape in shapes().items())]
    heard = [f"  {name}: (payload: {_type(reference(event.schema))}) => void;" for name, event in EVENTS.items()]
    asked = [f"  {name}: ({_parameters(request)}) => void;" for name, request in REQUESTS.items()]
    parts.append(_map("ServerToClientEvents", heard))
    parts.append(_map("ClientToServerEvents", asked))
    carried = [f"  {name}: {type(request.answer).__name__};" for name, request in REQUESTS.items()]
    parts.append("/** What each request is answered with besides `ok`. */")
    parts.append(_map("Answers", carried))
    return "\n".join(parts)


def _map(name: str, lines: list[str]) -> str:
    return "\n".join([f"export interface {name} {{", *lines, "}", ""])


def _parameters(request: Request) -> str:
    payload = payload_of(request)
    acknowledge = f"acknowledge?: Acknowledge<{type(request.answer).__name__}>"
    return acknowledge if payload is None else f"payload: {_type(payload)}, {acknowledge}"


def _interface(name: str, shape: JsonSchema) -> str:
    comment = [f"/** {shape['description']} */"] if "description" in shape else []
    required = shape.get("required", ())
    lines = [
        f"  {field}{'' if field in required else '?'}: {_type(kind)};" for field, kind in shape["properties"].items()
    ]
    if not lines:
        return "\n".join([*comment, f"export type {name} = Record<never, never>;", ""])
    return "\n".join([*comment, f"export interface {name} {{", *lines, "}", ""])


def _type(kind: JsonSchema) -> str:
    if "$ref" in kind:
        return str(kind["$ref"].rpartition("/")[2])
    if "oneOf" in kind:
        return " | ".join(map(_type, kind["oneOf"]))
    if "enum" in kind:
        return " | ".join(map(json.dumps, kind["enum"]))
    if kind["type"] == "array":
        return f"Array<{_type(kind['items'])}>"
    if kind["type"] == "object":
        values = kind.get("additionalProperties")
        return f"Record<string, {_type(values) if values else 'unknown'}>"
    return {"string": "string", "boolean": "boolean", "integer": "number", "number": "number"}[kind["type"]]
