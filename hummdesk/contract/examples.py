"""Examples of payloads, from their JSON Schemas: the required fields, with plausible values."""

from typing import Any

from hummdesk.contract.fields import JsonSchema

ID = "01a2279f-b73b-72c2-b819-76e552bf0ca0"
TIME = "2026-01-31T12:00:00.000Z"
FORMATS = {"uuid": ID, "date-time": TIME, "uri": "https://acme.example/", "email": "ada@acme.example"}
FORMATS |= {"date": "2026-12-24"}
TEXTS = {
    "email": "ada@acme.example",
    "name": "Ada",
    "title": "Returns",
    "content": "Where is my order?",
    "body": "Orders can be returned within 30 days.",
    "subject": "Order 117",
    "senderName": "Ada",
    "externalId": "customer-117",
    "language": "en",
    "color": "#0b5f59",
    "opens": "09:00",
    "closes": "17:30",
    "timeZone": "Europe/Berlin",
    "simulationId": ID,
}
"""By the name of the field."""


def example_of(kind: JsonSchema, shapes: dict[str, JsonSchema], name: str = "") -> Any:
    """Return a value that matches a schema, whose references are to `shapes`."""
    if "$ref" in kind:
        return example_of(shapes[kind["$ref"].rpartition("/")[2]], shapes)
    for choice in ("anyOf", "oneOf"):
        if choice in kind and "properties" not in kind:
            return example_of(kind[choice][0], shapes, name)
    if "enum" in kind:
        return kind["enum"][0]
    match kind.get("type"):
        case "object":
            return _object(kind, shapes)
        case "array":
            return [example_of(kind["items"], shapes, name)] if kind.get("items") else []
        case "integer" | "number":
            return max(1, kind.get("minimum", 1))
        case "boolean":
            return False
    return _text(kind, name)


def _object(kind: JsonSchema, shapes: dict[str, JsonSchema]) -> dict[str, Any]:
    properties = kind.get("properties", {})
    first = (kind.get("oneOf") or kind.get("anyOf") or [{}])[0]
    wanted = [*kind.get("required", ()), *first.get("required", ())] or list(properties)[:1]
    return {name: example_of(properties[name], shapes, name) for name in wanted if name in properties}


def _text(kind: JsonSchema, name: str) -> str:
    text = FORMATS.get(kind.get("format", ""), TEXTS.get(name, "text"))
    return "https://acme.example/" if str(kind.get("pattern", "")).startswith("^https") else text
