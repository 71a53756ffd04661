"""Claimed runs for unit tests."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, RunKind
from hummdesk.storage.runs import ClaimedRun, EarlierMessage

SETTINGS = Settings(anthropic_api_key="key", ai_max_attempts=3, ai_retry_base_seconds=1.0, ai_retry_cap_seconds=10.0)


def message(content: str = "Where is my parcel?") -> Message:
    return Message(
        id=new_id(),
        conversation_id=new_id(),
        seq=1,
        sender_id=new_id(),
        sender_type="customer",
        sender_name="Maya",
        content=content,
        content_type="text",
        attachments=[],
        metadata={},
        private=False,
        client_message_id=None,
        created_at=datetime.now(UTC),
    )


def claimed_run(
    *, kind: RunKind = "classification", seconds_left: float = 60.0, account_id: UUID | None = None, **changes: Any
) -> ClaimedRun:
    run = ClaimedRun(
        id=new_id(),
        account_id=account_id or new_id(),
        kind=kind,
        attempts=1,
        message=message(),
        assigned_to=None,
        started_at=datetime.now(UTC),
        has_newer_message=False,
        provider=None,
        daily_tokens=None,
        daily_dollars=None,
        min_confidence=None,
        categories_version=None,
        is_automatic=False,
        deadline=time.monotonic() + seconds_left,
        history=(),
    )
    return replace(run, **changes)


def history(*messages: tuple[Literal["customer", "agent", "system"], str]) -> tuple[EarlierMessage, ...]:
    """Earlier messages from pairs of sender and content."""
    return tuple(EarlierMessage(sender=sender, content=content) for sender, content in messages)
