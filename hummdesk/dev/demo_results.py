"""The AI results of demo conversations, by the embedded provider.

`python -m hummdesk.dev.demo_results` computes those of the questions on its standard input.

They are computed in a process of their own, so that `up` does not keep the models in memory.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson

from hummdesk.core.models import RunKind
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

Row = dict[str, Any]
queries = load("demo")

MOST = 60
"""Conversations that get results; each takes about 0.03 s. Of a larger demo, the first ones."""
BESIDE_PACKAGE = Path(__file__).resolve().parents[2]
"""Python imports from the directory where it starts: here it finds this package, wherever the command was typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The newest message of a conversation, which waits for an answer."""

    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    seq: int
    assigned_to: UUID | None
    asked_at: datetime
    customer_name: str
    content: str
    earlier: list[tuple[str, str]]
    """Sender and text of the messages before."""
    company: Row
    """Its articles and canned replies, with ids."""


async def add(tx: Transaction, questions: list[Question]) -> None:
    """Add finished runs with their results."""
    wanted = questions[:MOST]
    if not wanted:
        return
    rows = []
    for question, results in zip(wanted, await _computed(wanted), strict=True):
        rows += [_row(question, kind, payload) for kind, payload in results.items()]
    await queries.add_results(tx, rows=orjson.dumps(rows).decode())


def _row(question: Question, kind: RunKind, payload: Row) -> Row:
    own = {"based_on_seq": question.seq, "assigned_to": question.assigned_to} if kind == "draft" else {}
    return {
        "account_id": question.account_id,
        "id": uuid5(question.message_id, kind),
        "conversation_id": question.conversation_id,
        "message_id": question.message_id,
        "seq": question.seq,
        "kind": kind,
        "outcome": "abstained" if kind == "draft" and payload["draft"]["content"] is None else "done",
        "at": question.asked_at,
        "payload": payload | own,
    }


async def _computed(questions: list[Question]) -> list[dict[RunKind, Row]]:
    """The payloads of the classification and draft of each question."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        cwd=BESIDE_PACKAGE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(orjson.dumps(questions))
    if process.returncode:
        raise RuntimeError(f"{__name__} ended with code {process.returncode}")
    found: list[dict[RunKind, Row]] = orjson.loads(answer)
    return found


async def _answers(questions: list[Row]) -> list[dict[RunKind, Row]]:
    from hummdesk.ai.providers import local_provider

    provider = local_provider("embedded")
    return [await _answer(provider, question) for question in questions]


async def _answer(provider: Any, question: Row) -> dict[RunKind, Row]:
    from hummdesk.ai.protocol import Article, CannedReply, Context, IncomingMessage, Knowledge, Turn

    message = IncomingMessage(content=question["content"], customer_name=question["customer_name"])
    context = Context(history=tuple(Turn(sender=sender, content=text) for sender, text in question["earlier"]))
    company = question["company"]
    known = Knowledge(
        articles=tuple(Article(**{**one, "questions": tuple(one["questions"])}) for one in company["articles"]),
        canned_replies=tuple(CannedReply(title=one["title"], content=one["content"]) for one in company["canned"]),
    )
    classification = await provider.classify(message, context)
    draft = await provider.draft(message, context, known)
    return {
        "classification": {
            "classification": classification.wire(),
            "confidence": classification.confidence,
            "provider": provider.name,
        },
        "draft": {
            "draft": draft.wire(),
            "confidence": draft.confidence,
            "reasoning": draft.reasoning,
            "sources": list(draft.sources),
            "citations": draft.cited(),
            "provider": provider.name,
        },
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(_answers(orjson.loads(sys.stdin.buffer.read())))))
