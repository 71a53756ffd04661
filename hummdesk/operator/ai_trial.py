"""Trial of an AI provider: for each line, one JSON object on one line.

A line is a message, or a JSON object of the message and the conversation before it: `{"text", "history"?}` for a
classification, `{"question", "history"?, "language"?}` for a draft. `history` is a list of `{"sender", "content"}`.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import orjson
from marshmallow import Schema, ValidationError, fields, validate

from hummdesk.ai.protocol import Article, Context, IncomingMessage, Knowledge, Provider, ProviderError, Turn
from hummdesk.ai.providers import open_provider
from hummdesk.core.categories import OwnCategory, OwnTag
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError

Answer = Callable[[Provider, IncomingMessage, Context], Awaitable[dict[str, Any]]]


class _Turn(Schema):
    sender = fields.String(required=True, validate=validate.OneOf(["customer", "agent"]))
    content = fields.String(required=True)


class _Trial(Schema):
    history = fields.List(fields.Nested(_Turn), load_default=list)


class _ClassifyTrial(_Trial):
    text = fields.String(required=True)


class _DraftTrial(_Trial):
    text = fields.String(required=True, data_key="question")
    language = fields.String(load_default=None)


def classify(
    source: TextIO,
    target: TextIO,
    settings: Settings,
    categories: tuple[OwnCategory, ...] = (),
    tags: tuple[OwnTag, ...] = (),
) -> None:
    """Write the classification of each line, with its confidence, by own categories and tags if there are any."""

    async def answer(provider: Provider, message: IncomingMessage, context: Context) -> dict[str, Any]:
        classification = await provider.classify(message, replace(context, categories=categories, tags=tags))
        return classification.wire() | {"confidence": classification.confidence}

    asyncio.run(_answer_lines(source, target, settings, _ClassifyTrial(), answer))


def draft(source: TextIO, target: TextIO, settings: Settings, knowledge: Path) -> None:
    """Write a draft for each line of `source`, from the articles in the file `knowledge` (see `articles`)."""
    known = Knowledge(articles=tuple(articles(knowledge)))

    async def answer(provider: Provider, message: IncomingMessage, context: Context) -> dict[str, Any]:
        draft = await provider.draft(message, context, known)
        return {
            "outcome": "question" if draft.is_question else draft.outcome,
            "content": draft.content,
            "confidence": draft.confidence,
            "sources": list(draft.sources),
            "quotes": [{"source": one.source, "text": one.text} for one in draft.quotes],
            "nearest": list(draft.nearest),
            "reasoning": draft.reasoning,
        }

    asyncio.run(_answer_lines(source, target, settings, _DraftTrial(), answer))


async def _answer_lines(source: TextIO, target: TextIO, settings: Settings, trial: Schema, answer: Answer) -> None:
    if isinstance(source, io.TextIOWrapper):
        # A line that is not UTF-8 then gives an error for that line, not for the whole input.
        source.reconfigure(encoding="utf-8", errors="surrogateescape")
    async with open_provider(settings) as provider:
        for line in source:
            answered = await _answer_line(line.rstrip("\r\n"), provider, trial, answer)
            target.write(orjson.dumps(answered, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
            target.flush()


async def _answer_line(line: str, provider: Provider, trial: Schema, answer: Answer) -> dict[str, Any]:
    if not line.strip():
        return {"error": "The line is empty"}
    try:
        line.encode()
        return await answer(provider, *_read(line, trial))
    except UnicodeEncodeError:
        return {"error": "The line is not UTF-8"}
    except ValidationError as error:
        return {"error": "The object is invalid", "fields": error.messages}
    except ProviderError as error:
        return {"error": f"The provider gave no answer: {error}"}


def _read(line: str, trial: Schema) -> tuple[IncomingMessage, Context]:
    """Return the message and its conversation; a line that is no JSON object is the message. Raises ValidationError."""
    try:
        read = orjson.loads(line)
    except orjson.JSONDecodeError:
        read = line
    if not isinstance(read, dict):
        return IncomingMessage(content=line), Context()
    loaded = trial.load(read)
    message = IncomingMessage(content=loaded["text"], language=loaded.get("language"))
    return message, Context(history=tuple(Turn(**turn) for turn in loaded["history"]))


def articles(path: Path) -> list[Article]:
    """Read the articles of a file with one JSON object per line; the later one stands, the newer it is.

    Raises CommandError if it cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    return [_article(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _article(path: Path, number: int, line: bytes) -> Article:
    try:
        fields = orjson.loads(line)
        questions = fields.get("questions", [])
        language = fields.get("language")
        texts = (fields["id"], fields["title"], fields["body"], *questions, language or "")
        if not isinstance(questions, list) or not all(isinstance(text, str) for text in texts):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CommandError(
            f'{path}, line {number}: not {{"id", "title", "body", "questions": [...]}} with text values'
        ) from None
    return Article(
        id=fields["id"],
        title=fields["title"],
        body=fields["body"],
        questions=tuple(questions),
        language=language,
        changed_at=datetime.fromtimestamp(number, UTC),
    )
