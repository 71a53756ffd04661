"""Repeat stored decisions and compare the results."""

from typing import Any

from hummdesk.routing import record
from hummdesk.routing.decision import Choice, decide
from hummdesk.storage.routing import StoredRecord

Difference = dict[str, Any]


def differences(stored: StoredRecord) -> list[Difference]:
    """Return the differences between the stored choices, the choices that follow from the snapshot, and the logs of
    conversations.
    """
    made = decide(record.unpacked(stored.snapshot)).choices
    choices = record.unpacked_choices(stored.choices)
    found = [
        _difference(stored, before, f"{_described(before)} was stored, {_described(now)} follows")
        for before, now in _pairs(choices, made)
    ]
    known = {(choice.conversation_id, choice.agent_id, choice.rule) for choice in choices}
    for move in stored.moved:
        if (move.conversation_id, move.agent_id, move.rule) not in known:
            found.append(_difference(stored, move, "it was moved without a choice"))
        elif not move.is_logged:
            found.append(_difference(stored, move, "the log of the conversation has no such move"))
    return found


def _pairs(choices: list[Choice], made: tuple[Choice, ...]) -> list[tuple[Choice | None, Choice | None]]:
    """The choices that differ at the same position."""
    longest = max(len(choices), len(made))
    before: list[Choice | None] = [*choices, *[None] * (longest - len(choices))]
    now: list[Choice | None] = [*made, *[None] * (longest - len(made))]
    return [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]]


def _described(choice: Choice | None) -> str:
    return "nothing" if choice is None else f"{choice.rule} {choice.conversation_id} {choice.agent_id}"


def _difference(stored: StoredRecord, subject: Any, text: str) -> Difference:
    conversation = {} if subject is None else {"conversationId": str(subject.conversation_id)}
    return {"number": stored.number, **conversation, "difference": text}
