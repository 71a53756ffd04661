"""Loads valid payloads without marshmallow's general machinery, which costs several times as much as their fields.

A schema is compiled once: into its fields, their defaults and its hooks. Whatever these refuse is loaded again by
marshmallow, whose errors name everything that is wrong.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, missing

Payload = dict[str, Any]
Load = Callable[[Any], Payload]

BEFORE, CHECKS, AFTER = "pre_load", "validates_schema", "post_load"
NOT_COMPILED = "validates"
OPTIONS = {"many": False, "partial": None, "unknown": RAISE}
"""What marshmallow passes to a hook."""


@cache
def loader(schema: Schema) -> Load:
    """Return a function that does the same as `schema.load`."""
    return _compiled(schema) if _can_compile(schema) else schema.load


def _can_compile(schema: Schema) -> bool:
    """Whether the schema uses no features of marshmallow beyond those that are compiled."""
    hooks = [hook for tag in (BEFORE, CHECKS, AFTER) for hook in schema._hooks[tag]]
    return (
        not schema._hooks[NOT_COMPILED]
        and not any(is_of_list or options.get("pass_original") for _, is_of_list, options in hooks)
        and not any(field.data_key or field.attribute for field in schema.load_fields.values())
        and not schema.many
        and not schema.partial
        and schema.unknown == RAISE
    )


def _compiled(schema: Schema) -> Load:
    names, load_fields = schema.load_fields.keys(), _fields_loader(schema)
    before, checks, after = (_hooks(schema, tag) for tag in (BEFORE, CHECKS, AFTER))

    def load_valid(payload: Payload) -> Payload:
        for hook in before:
            payload = hook(payload, **OPTIONS)
        found = load_fields(payload)
        for hook in checks:
            hook(found, **OPTIONS)
        for hook in after:
            found = hook(found, **OPTIONS)
        return found

    def load(payload: Any) -> Payload:
        if type(payload) is dict and payload.keys() <= names:
            try:
                return load_valid(payload)
            except ValidationError:
                pass
        loaded: Payload = schema.load(payload)
        return loaded

    return load


def _fields_loader(schema: Schema) -> Load:
    fields = [(name, field.deserialize, field.load_default) for name, field in schema.load_fields.items()]

    def load(payload: Payload) -> Payload:
        found: Payload = {}
        for name, deserialize, default in fields:
            if name in payload or default is missing:
                value = deserialize(payload.get(name, missing), name, payload)
            else:
                value = default() if callable(default) else default
            if value is not missing:
                found[name] = value
        return found

    return load


def _hooks(schema: Schema, tag: str) -> list[Callable[..., Any]]:
    return [getattr(schema, name) for name, _, _ in schema._hooks[tag]]
