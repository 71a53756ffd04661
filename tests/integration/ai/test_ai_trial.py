"""`ai classify` and `ai draft`: one JSON object for each line of text."""

import asyncio
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hummdesk.ai import providers
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import (
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    ProviderError,
    Show,
    Turn,
    show_nothing,
)
from hummdesk.cli import main
from hummdesk.core.assist import Assist
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator import ai_trial
from tests.integration.ai.fake_api import CLASSIFICATION, DRAFT, FakeApi, answer, fail, serve_fake_api

EMBEDDED = Settings()
ARTICLE = {
    "id": "a1",
    "title": "Refunds",
    "body": "A refund takes five working days.",
    "questions": ["When is my refund?"],
}


def lines_of(text: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text), encoding="ascii")


def answers(target: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_classify_writes_one_object_per_line() -> None:
    target = io.StringIO()
    ai_trial.classify(lines_of(b"I forgot my password\nWo ist mein Paket?\r\n"), target, EMBEDDED)
    first, second = answers(target)
    assert set(first) == {"category", "unknown", "priority", "urgency", "sentiment", "language", "tags", "confidence"}
    assert first["category"] == "account_access"
    assert (second["category"], second["language"]) == ("order_shipping", "de")


def test_classify_by_own_categories_and_tags_of_files(tmp_path: Path) -> None:
    categories, tags = tmp_path / "categories.jsonl", tmp_path / "tags.jsonl"
    repairs, rent = (
        {"key": "repairs", "name": "Repairs", "examples": ["The tap drips"]},
        {"key": "rent", "name": "Rent"},
    )
    categories.write_text(f"{json.dumps(repairs)}\n{json.dumps(rent)}\n")
    tags.write_text(json.dumps({"key": "leak", "name": "Leak", "examples": ["Water drips"]}))
    command = ["ai", "classify", "--categories", str(categories), "--tags", str(tags)]
    done = CliRunner().invoke(main, command, input="The tap in the bathroom drips\n")
    found = json.loads(done.stdout)
    assert (found["category"], found["tags"]) == ("repairs", ["leak"])
    tags.write_text("leak")
    assert "not one JSON object a line" in CliRunner().invoke(main, command).stderr


def test_classify_with_bad_line_writes_error_and_continues() -> None:
    target = io.StringIO()
    ai_trial.classify(lines_of(b"\n \n\xff\xfe\nWhere is my order?"), target, EMBEDDED)
    empty, blank, broken, good = answers(target)
    assert empty == blank == {"error": "The line is empty"}
    assert broken == {"error": "The line is not UTF-8"}
    assert good["category"] == "order_shipping"


def test_draft_with_articles_answers_or_abstains(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE) + "\n\n" + json.dumps({"id": "a2", "title": "Boots", "body": "Wide."}))
    target = io.StringIO()
    ai_trial.draft(lines_of(b"When is my refund?\nWho won the match?\n\n"), target, EMBEDDED, path)
    done, abstained, bad = answers(target)
    assert set(done) == {"outcome", "content", "confidence", "sources", "quotes", "nearest", "reasoning"}
    assert set(abstained) == set(done)
    assert (done["outcome"], done["sources"]) == ("done", ["a1"])
    assert (abstained["outcome"], abstained["content"], abstained["sources"]) == ("abstained", None, [])
    assert abstained["reasoning"]
    assert bad == {"error": "The line is empty"}


def test_line_that_is_an_object_has_the_conversation_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[IncomingMessage, Context]] = []

    class Recording(EmbeddedProvider):
        async def classify(self, message: IncomingMessage, context: Context) -> Classification:
            asked.append((message, context))
            return await super().classify(message, context)

    monkeypatch.setitem(providers.LOCAL, "embedded", Recording)
    history = [{"sender": "customer", "content": "My parcel is late"}, {"sender": "agent", "content": "Which one?"}]
    lines = [json.dumps({"text": "The second", "history": history}), '{"text": "Hello"}', "{not JSON", "[1]"]
    target = io.StringIO()
    ai_trial.classify(lines_of("\n".join(lines).encode()), target, EMBEDDED)
    assert all("category" in one for one in answers(target))
    assert [message.content for message, _ in asked] == ["The second", "Hello", "{not JSON", "[1]"]
    assert asked[0][1].history == tuple(Turn(**turn) for turn in history)  # type: ignore[arg-type]
    assert [context.history for _, context in asked[1:]] == [(), (), ()]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('{"question": "Hello"}', "text"),
        ('{"text": 3}', "text"),
        ('{"text": "Hello", "history": {}}', "history"),
        ('{"text": "Hello", "history": [{"sender": "bot", "content": "Hi"}]}', "history"),
        ('{"text": "Hello", "language": "en"}', "language"),
    ],
)
def test_invalid_object_gives_an_error_that_names_the_field(line: str, field: str) -> None:
    target = io.StringIO()
    ai_trial.classify(lines_of(line.encode()), target, EMBEDDED)
    [answered] = answers(target)
    assert answered["error"] == "The object is invalid"
    assert field in answered["fields"]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        '{"id": "1", "title": "x"}',
        '{"id": 1, "title": "x", "body": "y"}',
        '{"id": "1", "title": "x", "body": "y", "questions": "z"}',
    ],
)
def test_draft_with_invalid_article_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE) + "\n" + line)
    with pytest.raises(CommandError, match=r"knowledge.jsonl, line 2: not"):
        ai_trial.draft(lines_of(b""), io.StringIO(), EMBEDDED, path)


def test_draft_with_missing_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        ai_trial.draft(lines_of(b""), io.StringIO(), EMBEDDED, tmp_path / "none.jsonl")


def test_classify_with_failing_provider_writes_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        name = "failing"

        async def classify(self, message: IncomingMessage, context: Context) -> Classification:
            raise ProviderError("no answer today")

        async def draft(
            self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
        ) -> Draft:
            raise ProviderError("no answer today")

        async def summarize(self, conversation: Sequence[Turn]) -> str:
            raise ProviderError("no answer today")

        async def assist(self, wanted: Assist) -> str:
            raise ProviderError("no answer today")

    monkeypatch.setitem(providers.LOCAL, "embedded", Failing)
    target = io.StringIO()
    ai_trial.classify(lines_of(b"Hello\n"), target, EMBEDDED)
    assert answers(target) == [{"error": "The provider gave no answer: no answer today"}]


async def test_external_provider_answers_each_line(api: FakeApi, tmp_path: Path) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE))
    settings = Settings(**api.settings())
    target = io.StringIO()
    api.respond_with(answer(CLASSIFICATION), fail(401))
    await asyncio.to_thread(ai_trial.classify, lines_of(b"Charged twice!\nCharged twice!\n"), target, settings)
    found, failed = answers(target)
    assert (found["category"], found["confidence"]) == ("billing", 0.9)
    assert failed == {"error": "The provider gave no answer: status 401, error"}
    target = io.StringIO()
    api.respond_with(answer(DRAFT))
    await asyncio.to_thread(ai_trial.draft, lines_of(b"When is my refund?\n"), target, settings, path)
    assert answers(target)[0]["sources"] == ["a1"]


async def test_command_with_provider_option_calls_the_configured_api(tmp_path: Path) -> None:
    async with serve_fake_api("openai") as api:
        api.respond_with(answer(CLASSIFICATION))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hummdesk", "ai", "classify", "--provider", "openai"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env=os.environ | {"OPENAI_BASE_URL": api.url, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        output, _ = await child.communicate(b"Charged twice!\n")
        assert (child.returncode, json.loads(output)["category"]) == (0, "billing")
        assert api.requests[0]["model"] == "gpt-6-luna"
