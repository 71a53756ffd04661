"""The forms that a model has to answer in: checked by marshmallow, and from there the JSON Schema that it is sent."""

import json
from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from hummdesk.ai.lexicon import LEXICON
from hummdesk.ai.protocol import Category, Priority, Sentiment, Tone

TAGS = tuple(LEXICON["tags"])
OUTCOMES = ("answered", "not_in_sources", "needs_person", "unclear")
LONGEST_CONTENT = 6000
OBJECTS_TRIED = 100

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


class DraftAnswer(_Answer):
    outcome = _one_of(OUTCOMES)
    sources = fields.List(fields.String(), required=True)
    content = fields.String(required=True, validate=Length(max=LONGEST_CONTENT))
    tone = _one_of(get_args(Tone))
    category = _one_of(get_args(Category))
    confidence = fields.Float(required=True, validate=Range(0, 1))


def json_schema(form: Schema) -> dict[str, Any]:
    """What of it both providers' structured output understands: types and enumerations, no ranges."""
    return {
        "type": "object",
        "properties": {name: _property(field) for name, field in form.fields.items()},
        "required": list(form.fields),
        "additionalProperties": False,
    }


def _property(field: fields.Field[Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"type": TYPES[type(field)]}
    if isinstance(field, fields.List):
        described["items"] = _property(field.inner)
    choices = [list(validator.choices) for validator in field.validators if isinstance(validator, OneOf)]
    return described | ({"enum": choices[0]} if choices else {})


def load(form: Schema, text: str) -> dict[str, Any]:
    """The last answer in a text, which a server that ignores the schema may have wrapped in words or in thoughts.

    Raises ValidationError, which names fields and says nothing of the text.
    """
    fault, at = ValidationError("There is no JSON object."), len(text)
    for _ in range(OBJECTS_TRIED):
        at = text.rfind("{", 0, at)
        if at < 0:
            break
        try:
            loaded: dict[str, Any] = form.load(_DECODER.raw_decode(text, at)[0])
            return loaded
        except ValidationError as error:
            fault = error
        except (ValueError, RecursionError):
            continue
    raise fault
