"""Schemas of the answers of external models: validation by marshmallow, and the JSON Schema sent with a request."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from hummdesk.ai.lexicon import LEXICON
from hummdesk.ai.protocol import Priority, Sentiment, Tone
from hummdesk.core.categories import Category

TAGS = tuple(LEXICON["tags"])
OUTCOMES = ("answered", "clarify", "not_in_sources", "needs_person", "unclear")
MAX_CONTENT = 6000
MAX_SUMMARY = 2000
MAX_QUOTE = 500
MAX_OBJECTS = 100
"""JSON objects that are tried in one answer."""

_DECODER = json.JSONDecoder()

TYPES: Mapping[type[fields.Field[Any]], str] = {
    fields.String: "string",
    fields.Integer: "integer",
    fields.Float: "number",
    fields.List: "array",
}


def _one_of(names: tuple[str, ...]) -> fields.String:
    return fields.String(required=True, validate=OneOf(names))


class _Answer(Schema):
    class Meta:
        unknown = EXCLUDE


class ClassificationAnswer(_Answer):
    category = _one_of(get_args(Category))
    priority = _one_of(get_args(Priority))
    urgency = fields.Integer(required=True, strict=True, validate=Range(0, 10))
    sentiment = _one_of(get_args(Sentiment))
    language = fields.String(required=True, validate=Regexp(r"^[a-z]{2,3}$"))
    tags = fields.List(_one_of(TAGS), required=True)
    team = fields.String(required=True)
    confidence = fields.Float(required=True, validate=Range(0, 1))


def classification_answer(keys: Sequence[str], tags: Sequence[str] = TAGS) -> Schema:
    """Return the schema of a classification by these categories and tags."""
    lists: dict[str, fields.Field[Any]] = {
        "category": _one_of(tuple(keys)),
        "tags": fields.List(_one_of(tuple(tags)), required=True),
    }
    return ClassificationAnswer.from_dict(lists, name=ClassificationAnswer.__name__)()


class SourceAnswer(_Answer):
    id = fields.String(required=True)
    quote = fields.String(required=True, validate=Length(max=MAX_QUOTE))


class DraftAnswer(_Answer):
    """Quotes come before the reply, so that each of its sentences can be compared with quoted sources at once."""

    outcome = _one_of(OUTCOMES)
    sources = fields.List(fields.Nested(SourceAnswer), required=True)
    content = fields.String(required=True, validate=Length(max=MAX_CONTENT))
    tone = _one_of(get_args(Tone))
    category = _one_of(get_args(Category))
    confidence = fields.Float(required=True, validate=Range(0, 1))


class SummaryAnswer(_Answer):
    summary = fields.String(required=True, validate=Length(min=1, max=MAX_SUMMARY))


def json_schema(schema: Schema) -> dict[str, Any]:
    """Return the part that the structured output of both providers supports: types and enumerations, no ranges."""
    return {
        "type": "object",
        "properties": {name: _property(field) for name, field in schema.fields.items()},
        "required": list(schema.fields),
        "additionalProperties": False,
    }


def _property(field: fields.Field[Any]) -> dict[str, Any]:
    if isinstance(field, fields.Nested):
        return json_schema(field.schema)
    described: dict[str, Any] = {"type": TYPES[type(field)]}
    if isinstance(field, fields.List):
        described["items"] = _property(field.inner)
    choices = [list(validator.choices) for validator in field.validators if isinstance(validator, OneOf)]
    return described | ({"enum": choices[0]} if choices else {})


def parse_answer(schema: Schema, text: str) -> dict[str, Any]:
    """Return the last valid answer in a text: a server that ignores the schema may add words or reasoning around it.

    Raises ValidationError, which names fields and quotes nothing of the text.
    """
    failure, position = ValidationError("There is no JSON object."), len(text)
    for _ in range(MAX_OBJECTS):
        position = text.rfind("{", 0, position)
        if position < 0:
            break
        try:
            loaded: dict[str, Any] = schema.load(_DECODER.raw_decode(text, position)[0])
            return loaded
        except ValidationError as error:
            failure = error
        except (ValueError, RecursionError):
            continue
    raise failure
