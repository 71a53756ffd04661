"""The size of answers: each handler fills its answer up to MAX_ANSWER_BYTES, and nothing larger leaves the process."""

from orjson import Fragment

from hummdesk.core import json_encoding
from hummdesk.core.errors import PayloadTooLarge
from hummdesk.core.metrics import ERRORS
from hummdesk.server.context import Payload, ServerContext

FRAME_BYTES = 512
"""Of an answer beside what its handler measures: `ok`, a cursor, the packet's head."""


def free_bytes(context: ServerContext, answer: Payload | None = None) -> int:
    """Return how much an answer can have besides these fields, as JSON."""
    return max(0, context.settings.max_answer_bytes - FRAME_BYTES - json_bytes(answer or {}))


def json_bytes(answer: Payload) -> int:
    return len(json_encoding.encode(answer))


def encoded(context: ServerContext, answer: Payload) -> Fragment:
    """Encode an answer, or the error that takes its place if it is too large all the same."""
    packed = json_encoding.encode(answer)
    if len(packed) > context.settings.max_answer_bytes:
        ERRORS.labels("handler", PayloadTooLarge.code).inc()
        refusal = PayloadTooLarge("The answer exceeds the maximum size; request less")
        packed = json_encoding.encode({"ok": False, "error": refusal.payload()})
    return Fragment(packed)
