"""Try a provider on lines of text: one in, one JSON object out; a line that cannot be used gives its error."""

import asyncio
import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TextIO

import orjson

from hummdesk.ai.protocol import Article, Context, IncomingMessage, Knowledge, Provider, ProviderError
from hummdesk.ai.providers import opened
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError

Answer = Callable[[IncomingMessage], Coroutine[Any, Any, dict[str, Any]]]


def classify(source: TextIO, target: TextIO, settings: Settings) -> None:
    """Write a classification, with its confidence, for each line of `source`."""

    def answering(provider: Provider) -> Answer:
        async def answer(message: IncomingMessage) -> dict[str, Any]:
            found = await provider.classify(message, Context())
            return found.wire() | {"confidence": found.confidence}

        return answer

    asyncio.run(_with_provider(source, target, settings, answering))


def draft(source: TextIO, target: TextIO, settings: Settings, knowledge: Path) -> None:
    """Write a draft for each line of `source`, made of the articles in the file `knowledge`, one JSON object a line."""
    known = Knowledge(articles=tuple(articles(knowledge)))

    def answering(provider: Provider) -> Answer:
        async def answer(message: IncomingMessage) -> dict[str, Any]:
            made = await provider.draft(message, Context(), known)
            return {
                "outcome": made.outcome,
                "content": made.content,
                "confidence": made.confidence,
                "sources": list(made.sources),
                "reasoning": made.reasoning,
            }

        return answer

    asyncio.run(_with_provider(source, target, settings, answering))


async def _with_provider(
    source: TextIO, target: TextIO, settings: Settings, answering: Callable[[Provider], Answer]
) -> None:
    async with opened(settings) as provider:
        await _each_line(source, target, answering(provider))


async def _each_line(source: TextIO, target: TextIO, answer: Answer) -> None:
    if isinstance(source, io.TextIOWrapper):
        source.reconfigure(
            encoding="utf-8", errors="surrogateescape"
        )  # bytes that are no UTF-8 are an error of their line
    for line in source:
        target.write(orjson.dumps(await _answer_line(line.rstrip("\r\n"), answer)).decode() + "\n")
        target.flush()


async def _answer_line(line: str, answer: Answer) -> dict[str, Any]:
    if not line.strip():
        return {"error": "The line is empty"}
    try:
        line.encode()
        return await answer(IncomingMessage(content=line))
    except UnicodeEncodeError:
        return {"error": "The line is not UTF-8"}
    except ProviderError as error:
        return {"error": f"The provider gave no answer: {error}"}


def articles(path: Path) -> list[Article]:
    """Those of a file, a JSON object a line. Raises Fault if it cannot be read, or a line is no article."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    return [_article(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _article(path: Path, number: int, line: bytes) -> Article:
    try:
        fields = orjson.loads(line)
        questions = fields.get("questions", [])
        texts = (fields["id"], fields["title"], fields["body"], *questions)
        if not isinstance(questions, list) or not all(isinstance(text, str) for text in texts):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CommandError(
            f'{path}, line {number}: not {{"id", "title", "body", "questions": [...]}}, all text'
        ) from None
    return Article(id=fields["id"], title=fields["title"], body=fields["body"], questions=tuple(questions))
