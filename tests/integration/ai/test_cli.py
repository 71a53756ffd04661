"""`ai classify` and `ai draft`: a line in, a JSON object out, whatever the line."""

import asyncio
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hummdesk.ai import providers
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import Classification, Context, IncomingMessage, ProviderError
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator import ai_trial
from tests.integration.ai.fake_provider import CLASSIFICATION, DRAFT, PROTOCOLS, Protocol, fails, playing, says

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


def test_classify_answers_each_line() -> None:
    target = io.StringIO()
    ai_trial.classify(lines_of(b"I forgot my password\nWo ist mein Paket?\r\n"), target, EMBEDDED)
    first, second = answers(target)
    assert set(first) == {"category", "priority", "urgency", "sentiment", "language", "tags", "confidence"}
    assert first["category"] == "account_access"
    assert (second["category"], second["language"]) == ("order_shipping", "de")


def test_a_bad_line_gives_an_error_and_the_next_one_is_answered() -> None:
    target = io.StringIO()
    ai_trial.classify(lines_of(b"\n \n\xff\xfe\nWhere is my order?"), target, EMBEDDED)
    empty, blank, broken, good = answers(target)
    assert empty == blank == {"error": "The line is empty"}
    assert broken == {"error": "The line is not UTF-8"}
    assert good["category"] == "order_shipping"


def test_draft_answers_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE) + "\n\n" + json.dumps({"id": "a2", "title": "Boots", "body": "Wide."}))
    target = io.StringIO()
    ai_trial.draft(lines_of(b"When is my refund?\nWho won the match?\n\n"), target, EMBEDDED, path)
    done, abstained, bad = answers(target)
    assert set(done) == set(abstained) == {"outcome", "content", "confidence", "sources", "reasoning"}
    assert (done["outcome"], done["sources"]) == ("done", ["a1"])
    assert (abstained["outcome"], abstained["content"], abstained["sources"]) == ("abstained", None, [])
    assert abstained["reasoning"]
    assert bad == {"error": "The line is empty"}


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
def test_a_line_that_is_no_article_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE) + "\n" + line)
    with pytest.raises(CommandError, match=r"knowledge.jsonl, line 2: not"):
        ai_trial.draft(lines_of(b""), io.StringIO(), EMBEDDED, path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        ai_trial.draft(lines_of(b""), io.StringIO(), EMBEDDED, tmp_path / "none.jsonl")


def test_a_provider_that_fails_is_told_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(EmbeddedProvider):
        async def classify(self, message: IncomingMessage, context: Context) -> Classification:
            raise ProviderError("no answer today")

    monkeypatch.setitem(providers.PROVIDERS, "embedded", Failing)
    target = io.StringIO()
    ai_trial.classify(lines_of(b"Hello\n"), target, EMBEDDED)
    assert answers(target) == [{"error": "The provider gave no answer: no answer today"}]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_another_provider_answers_each_line(protocol: Protocol, tmp_path: Path) -> None:
    path = tmp_path / "knowledge.jsonl"
    path.write_text(json.dumps(ARTICLE))
    async with playing(protocol) as played:
        settings = Settings(**played.settings())
        target = io.StringIO()
        played.plays(says(CLASSIFICATION), fails(401))
        await asyncio.to_thread(ai_trial.classify, lines_of(b"Charged twice!\nCharged twice!\n"), target, settings)
        found, failed = answers(target)
        assert (found["category"], found["confidence"]) == ("billing", 0.9)
        assert failed == {"error": "The provider gave no answer: status 401, error"}
        target = io.StringIO()
        played.plays(says(DRAFT))
        await asyncio.to_thread(ai_trial.draft, lines_of(b"When is my refund?\n"), target, settings, path)
        assert answers(target)[0]["sources"] == ["a1"]


async def test_a_real_process_asks_the_server_that_it_is_told_of(tmp_path: Path) -> None:
    async with playing("openai") as played:
        played.plays(says(CLASSIFICATION))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hummdesk", "ai", "classify", "--provider", "openai"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env=os.environ | {"OPENAI_BASE_URL": played.url, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        output, _ = await child.communicate(b"Charged twice!\n")
        assert (child.returncode, json.loads(output)["category"]) == (0, "billing")
        assert played.asked[0]["model"] == "gpt-6-luna"
