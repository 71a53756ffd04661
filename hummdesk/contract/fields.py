"""Strict marshmallow fields: no string in place of a number, no `1` in place of true, no NUL."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import nh3
import orjson
from marshmallow import Schema, ValidationError, fields, missing, validate

from hummdesk.publish.fields import MAX_INTEGER

MAX_METADATA_BYTES = 4096
MAX_NUMBER = 1e99
MAX_SUBJECT = 200
MAX_REASON = 500
MAX_ATTACHMENTS = 10
MAX_MENTIONS = 10
MAX_ATTACHMENT_BYTES = 100 * 1024 * 1024
MAX_ADDRESS = 2048
"""In bytes, for other than ASCII characters too."""
MAX_TAGS = 400
MAX_EMAIL = 254

JsonSchema = dict[str, Any]
"""JSON Schema draft 7, as AsyncAPI takes it; the type of `json_schema()` of each field."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
FILE_PATH = "/files/{id}"
"""The stable address of an uploaded file, below the address of the server."""
_FILE = re.compile(r"/files/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s\x00-\x1f]*", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"(?=.{3,255}$)[!#$&^\w.+-]+/[!#$&^\w.+-]+(?:;[\x20-\x7e]*)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_HTML_TAGS = {"a", "b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "s", "strong", "u", "ul"}


def storable(text: str) -> str:
    """Refuse text that UTF-8 or PostgreSQL cannot hold: lone surrogates and NUL."""
    if "\x00" in text:
        raise ValidationError("Must not contain the character NUL.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("Must not contain half of a surrogate pair.") from None
    return text


class Text(fields.Field[str]):
    """A string of `shortest` to `longest` characters after trimming."""

    def __init__(self, *, longest: int, shortest: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self._shortest = shortest
        self._longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        text = storable(value.strip())
        if not self._shortest <= len(text) <= self._longest:
            raise ValidationError(f"Must have {self._shortest} to {self._longest} characters.")
        return text

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "minLength": self._shortest, "maxLength": self._longest}


class Id(fields.Field[UUID]):
    """A UUID in its usual form of 36 characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise ValidationError("Must be a UUID.")
        return UUID(value)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "uuid"}


class Boolean(fields.Field[bool]):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


class Integer(fields.Field[int]):
    """A whole number between `least` and `most`."""

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        super().__init__(**options)
        self._least = least
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self._least <= value <= self._most:
            raise ValidationError(f"Must be a whole number from {self._least} to {self._most}.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


def Seq(**options: Any) -> Integer:  # noqa: N802 - used like a field class
    """The number of a message in its conversation; 0 is before the first."""
    return Integer(least=0, most=MAX_INTEGER, **options)


def Revision(**options: Any) -> Integer:  # noqa: N802 - used like a field class
    """The number of a change to a conversation's stored messages; 0 is before the first."""
    return Integer(least=0, most=MAX_INTEGER, **options)


class OneOf(fields.Raw):
    def __init__(self, *choices: str, **options: Any) -> None:
        super().__init__(validate=validate.OneOf(choices), **options)
        self._choices = choices

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "enum": list(self._choices)}


class Metadata(fields.Field[dict[str, Any]]):
    """An object of at most 4 KiB as JSON, where PostgreSQL writes 1e20 with 21 digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object.")
        try:
            encoded = orjson.dumps(value)
        except TypeError:
            raise ValidationError("Must be JSON without half surrogate pairs or integers over 64 bits.") from None
        if len(encoded) + _expansion(value) > MAX_METADATA_BYTES:
            raise ValidationError(f"Must be at most {MAX_METADATA_BYTES} bytes of JSON.")
        if b"\\u0000" in encoded:
            raise ValidationError("Must not contain the character NUL.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "description": f"At most {MAX_METADATA_BYTES} bytes as JSON."}


class Url(fields.Field[str]):
    """An http or https URL. Only its beginning and characters are checked."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if (
            not isinstance(value, str)
            or len(value.encode(errors="replace")) > MAX_ADDRESS
            or not _ADDRESS.fullmatch(value)
        ):
            raise ValidationError(f"Must be an http or https URL of at most {MAX_ADDRESS} bytes.")
        return storable(value)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^https?://", "maxLength": MAX_ADDRESS}


class AttachmentUrl(Url):
    """The path of an uploaded file, or an http or https URL."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        if isinstance(value, str) and _FILE.fullmatch(value):
            return value
        return super()._deserialize(value, attr, data, **more)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^(https?://|/files/)", "maxLength": MAX_ADDRESS}


class Matching(fields.Field[str]):
    """A string of at most `longest` characters that is a whole match of a pattern; `what` names it in the error."""

    def __init__(self, pattern: str, *, what: str, longest: int, **options: Any) -> None:
        super().__init__(**options)
        self._pattern, self._what, self._longest = re.compile(pattern), what, longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str) or len(value) > self._longest or not self._pattern.fullmatch(value):
            raise ValidationError(f"Must be {self._what} of at most {self._longest} characters.")
        return storable(value)

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "maxLength": self._longest, "pattern": f"^{self._pattern.pattern}$"}


def Email(**options: Any) -> Matching:  # noqa: N802 - used like a field class
    return Matching(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+", what="an e-mail address", longest=MAX_EMAIL, **options)


def Language(**options: Any) -> Matching:  # noqa: N802 - used like a field class
    return Matching("[a-z]{2}", what="a language like `de`", longest=2, **options)


class MediaType(fields.Field[str]):
    """A media type, with parameters or without (RFC 9110, section 8.3.1)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str) or not _MEDIA_TYPE.fullmatch(value):
            raise ValidationError("Must be a media type of at most 255 characters.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "maxLength": 255, "pattern": "^[^/]+/.+$"}


class BoundedList(fields.List[Any]):
    """A list of `least` to `most` items; the items of another one are not validated."""

    def __init__(self, item: fields.Field[Any], *, most: int, least: int = 0, **options: Any) -> None:
        super().__init__(item, **options)
        self._least = least
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise ValidationError(f"Must have at most {self._most} items.")
        if isinstance(value, list) and len(value) < self._least:
            raise ValidationError(f"Must have at least {self._least} items.")
        return super()._deserialize(value, attr, data, **options)

    def json_schema(self) -> JsonSchema:
        least = {"minItems": self._least} if self._least else {}
        return {"type": "array", "items": json_schema(self.inner), **least, "maxItems": self._most}


class BoundedMap(fields.Dict):
    """An object of `least` to `most` entries; the entries of a larger one are not validated."""

    def __init__(self, *, most: int, least: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self._least = least
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[Any, Any]:
        if isinstance(value, dict) and not self._least <= len(value) <= self._most:
            raise ValidationError(f"Must have {self._least} to {self._most} entries.")
        found: dict[Any, Any] = super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        return found

    def json_schema(self) -> JsonSchema:
        values = json_schema(self.value_field)
        bounds = {"minProperties": self._least, "maxProperties": self._most}
        return {"type": "object", "additionalProperties": values, **bounds}


class AnyText(fields.Field[str]):
    """Any string. This field and the following ones describe what the server sends."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string"}


class Time(fields.Field[str]):
    """ISO 8601 UTC with milliseconds and `Z`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise ValidationError("Must be a time like 2026-01-31T12:00:00.000Z.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "date-time"}


class Moment(fields.Field[datetime]):
    """A time of ISO 8601 with its offset from UTC, or `Z`, that a client sends."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValidationError("Must be a time like 2026-01-31T12:00:00Z.")
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("Must be a time like 2026-01-31T12:00:00Z.") from None

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "date-time"}


class Number(fields.Field[float]):
    """A number from 0 to `most`."""

    def __init__(self, *, most: float, **options: Any) -> None:
        super().__init__(**options)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= self._most:
            raise ValidationError(f"Must be a number from 0 to {self._most}.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "number", "minimum": 0, "maximum": self._most}


class AnyObject(fields.Field[dict[str, Any]]):
    """An object with any fields."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object.")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "object"}


class ListOf(fields.List[Any]):
    """A list of any length."""

    def json_schema(self) -> JsonSchema:
        return {"type": "array", "items": json_schema(self.inner)}


class MapOf(fields.Dict):
    """An object with any keys and values of one kind."""

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": json_schema(self.value_field)}


class UnionOf(fields.Field[Any]):
    """A payload that matches one of these schemas."""

    def __init__(self, *schemas: Schema, **options: Any) -> None:
        super().__init__(**options)
        self.schemas = schemas

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        faults = [schema.validate(value) for schema in self.schemas]
        if all(faults):
            raise ValidationError(faults)
        return value

    def json_schema(self) -> JsonSchema:
        return {"oneOf": [reference(schema) for schema in self.schemas]}


def _expansion(value: Any) -> int:
    """The digits beyond 16 that exponents of numbers in a JSON value stand for.

    python-engineio drops a packet with an integer of more than 100 digits, so that its client gets no answer at all.
    """
    if isinstance(value, float):
        if abs(value) >= MAX_NUMBER:
            raise ValidationError(f"Must not contain numbers of {MAX_NUMBER:g} or more.")
        return max(0, abs(math.frexp(value)[1]) * 3 // 10 - 16)
    if isinstance(value, dict):
        return sum(map(_expansion, value.values()))
    return sum(map(_expansion, value)) if isinstance(value, list) else 0


def json_schema(field: Any, *, with_null: bool = False) -> JsonSchema:
    """The JSON Schema of a field. `with_null`: null is named also where it means the same as no value."""
    described: JsonSchema = reference(field.schema) if isinstance(field, fields.Nested) else field.json_schema()
    if field.allow_none and (with_null or field.load_default is missing):
        return {"anyOf": [described, {"type": "null"}]}
    return described


def reference(schema: Schema) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{type(schema).__name__}"}


def sanitized(html: str) -> str:
    """Remove all but a few tags, and links other than http, https and mailto.

    The number of tags is limited: unclosed tags are opened again in every later paragraph, which costs time and length.
    """
    if html.count("<") > MAX_TAGS:
        raise ValidationError(f"Must have at most {MAX_TAGS} tags.", "content")
    return nh3.clean(
        html,
        tags=_HTML_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    ).strip()
