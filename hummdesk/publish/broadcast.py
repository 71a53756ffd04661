"""Who hears what: the one place that names an event's rooms. The same in the web process and in a Celery task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Envelope, Place
from hummdesk.bus.presence import Presence, Status
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.bus.viewers import Viewers
from hummdesk.core.clock import now
from hummdesk.core.config import Settings
from hummdesk.core.models import Conversation, Message, Person, RunKind, RunOutcome
from hummdesk.publish import rooms

Payload = dict[str, Any]

SETTLE_SECONDS = 5.0


class BroadcastService:
    """Every method returns once the event is on its way, in the order of the calls; none fails without Redis."""

    def __init__(self, emitter: StreamWriter, presence: Presence) -> None:
        self._emitter = emitter
        self._presence = presence

    # To a room ------------------------------------------------------------------------------------------------------

    async def to_account(self, account_id: UUID, event: str, payload: Payload) -> None:
        """To every staff socket of the account."""
        await self._emit(account_id, event, payload, rooms.account(account_id))

    async def to_agent(self, agent_id: UUID, event: str, payload: Payload, *, account_id: UUID) -> None:
        await self._emit(account_id, event, payload, rooms.agent(agent_id))

    async def to_conversation(self, conversation_id: UUID, event: str, payload: Payload, *, account_id: UUID) -> None:
        """To everybody who joined it, its customer included."""
        await self._emit(account_id, event, payload, rooms.conversation(conversation_id))

    async def to_team(self, team_id: UUID, event: str, payload: Payload, *, account_id: UUID) -> None:
        await self._emit(account_id, event, payload, rooms.team(team_id))

    # Messages -------------------------------------------------------------------------------------------------------

    # With `entry` the outbox forgets what was told once Redis has it; see storage/outbox.py.

    async def new_message(
        self, *, account_id: UUID, message: Message, follows_closely: bool, entry: UUID | None = None
    ) -> None:
        """A private one reaches staff only. One that was told before is not heard again."""
        envelope = message_envelope(account_id, message, follows_closely=follows_closely, entry=entry)
        await self._emitter.emit(envelope)

    async def message_read(self, *, conversation_id: UUID, message_id: UUID, seq: int, reader: Person, at: str) -> None:
        payload = {
            "messageId": str(message_id),
            "conversationId": str(conversation_id),
            "seq": seq,
            "readBy": str(reader.id),
            "readByType": reader.sender_type,
            "timestamp": at,
        }
        await self.to_conversation(conversation_id, "message_read", payload, account_id=reader.account_id)

    async def typing(
        self, event: Literal["typing_start", "typing_stop"], *, conversation_id: UUID, typist: Person
    ) -> None:
        """To who joined the conversation, except the typist's own sockets."""
        payload = {
            "conversationId": str(conversation_id),
            "userId": str(typist.id),
            "userType": typist.sender_type,
            "userName": typist.name,
            "timestamp": now(),
        }
        to, but = rooms.conversation(conversation_id), rooms.person(typist.id)
        await self._emit(typist.account_id, event, payload, to, but=(but,), is_volatile=True)

    # Conversations --------------------------------------------------------------------------------------------------

    async def conversation_created(self, conversation: Conversation, *, entry: UUID | None = None) -> None:
        """`conversation` is as staff see it. One that was told before is not heard again."""
        account_id, key = conversation.account_id, f"created/{conversation.id}"
        to = rooms.account(account_id)
        await self._emit(account_id, "conversation_created", conversation.wire(), to, key=key, entry=entry)

    async def conversation_updated(self, conversation: Conversation, *, entry: UUID | None = None) -> None:
        """`conversation` is as staff see it. Returns when Redis has it: see `announce_updates`."""
        account_id = conversation.account_id
        to = rooms.account(account_id)
        await (await self._emit(account_id, "conversation_updated", conversation.wire(), to, entry=entry))

    async def status_changed(
        self,
        *,
        account_id: UUID,
        conversation_id: UUID,
        payload: Payload,
        key: str | None = None,
        entry: UUID | None = None,
    ) -> None:
        """`payload` is that of `conversation_status_changed`; the customer does not see its reason.

        What was told before with this `key` is not heard again.
        """
        staff = (rooms.account(account_id),)
        await self._to_both_sides(
            account_id, "conversation_status_changed", payload, conversation_id, staff, key=key, entry=entry
        )

    async def assigned(
        self, *, account_id: UUID, conversation_id: UUID, agent_id: UUID, team_id: UUID | None, payload: Payload
    ) -> None:
        to = _parties(account_id, agent_id, team_id)
        await self._emit(account_id, "conversation_assigned", payload, rooms.conversation(conversation_id), *to)

    async def unassigned(
        self, *, account_id: UUID, conversation_id: UUID, agent_id: UUID, team_id: UUID | None, payload: Payload
    ) -> None:
        """The customer does not see the payload's reason."""
        to = _parties(account_id, agent_id, team_id)
        await self._to_both_sides(account_id, "conversation_unassigned", payload, conversation_id, to)

    async def conversation_viewers(self, viewers: Viewers) -> None:
        """To the staff who joined the conversation, who are also those it tells of."""
        payload = {"conversationId": str(viewers.conversation_id), "viewers": viewers.wire(), "timestamp": now()}
        to = rooms.conversation_staff(viewers.conversation_id)
        await self._emit(viewers.account_id, "conversation_viewers", payload, to, is_volatile=True)

    # Presence -------------------------------------------------------------------------------------------------------

    async def presence(
        self,
        event: Literal["agent_online", "agent_offline"],
        *,
        agent: Person,
        status: Status,
        last_seen_at: str | None = None,
    ) -> None:
        payload = {
            "agentId": str(agent.id),
            "accountId": str(agent.account_id),
            "name": agent.name,
            "email": agent.email,
            "status": status,
            "timestamp": now(),
        }
        if last_seen_at is not None:
            payload["lastSeenAt"] = last_seen_at
        await self._emit(agent.account_id, event, payload, rooms.account(agent.account_id), is_volatile=True)

    async def agent_status_changed(self, *, agent: Person, old: Status, new: Status) -> Payload:
        payload = {"agentId": str(agent.id), "oldStatus": old, "newStatus": new, "timestamp": now()}
        to = rooms.account(agent.account_id)
        await self._emit(agent.account_id, "agent_status_changed", payload, to, is_volatile=True)
        return payload

    async def is_agent_online(self, *, account_id: UUID, agent_id: UUID) -> bool:
        return agent_id in await self.online_agents(account_id)

    async def online_agents(self, account_id: UUID) -> dict[UUID, Status]:
        """The agents of the account that are online, away or busy, with which of these."""
        statuses = await self._presence.statuses(account_id)
        return {agent_id: status for agent_id, status in statuses.items() if status != "offline"}

    async def connection_statistics(self) -> Payload:
        """`{nodes, connections, byRole}` over all web processes, at most a lease old."""
        return await self._presence.statistics()

    # The AI pipeline: staff only, each event of a run heard once however often it is told ----------------------------

    async def ai_processing_started(
        self, *, account_id: UUID, conversation_id: UUID, message_id: UUID, kind: RunKind, run_id: UUID
    ) -> None:
        payload = _about(conversation_id, message_id) | {"processingType": kind, "runId": str(run_id)}
        await self._emit(
            account_id, "ai_processing_started", payload, rooms.account(account_id), key=f"started/{run_id}"
        )

    async def ai_processing_completed(
        self,
        *,
        account_id: UUID,
        conversation_id: UUID,
        message_id: UUID,
        kind: RunKind,
        run_id: UUID,
        outcome: RunOutcome,
        processing_ms: int,
    ) -> None:
        payload = _about(conversation_id, message_id) | {
            "processingType": kind,
            "runId": str(run_id),
            "outcome": outcome,
            "processingTime": processing_ms,
        }
        await self._emit(
            account_id, "ai_processing_completed", payload, rooms.account(account_id), key=f"ended/{run_id}"
        )

    async def ai_classification(
        self,
        *,
        account_id: UUID,
        conversation_id: UUID,
        message_id: UUID,
        classification: Payload,
        confidence: float,
        processing_ms: int,
        provider: str,
    ) -> None:
        payload = _about(conversation_id, message_id) | classification_fields(
            classification=classification, confidence=confidence, processing_ms=processing_ms, provider=provider
        )
        to = rooms.account(account_id)
        await self._emit(account_id, "ai_classification", payload, to, key=f"classified/{message_id}")

    async def ai_draft(
        self,
        *,
        account_id: UUID,
        conversation_id: UUID,
        message_id: UUID,
        assigned_to: UUID | None,
        draft: Payload,
        confidence: float,
        reasoning: str | None,
        sources: list[Any],
        citations: list[Any],
        based_on_seq: int,
        provider: str,
    ) -> None:
        """To the assigned agent, and to staff who joined the conversation."""
        payload = _about(conversation_id, message_id) | draft_fields(
            draft=draft,
            confidence=confidence,
            reasoning=reasoning,
            sources=sources,
            citations=citations,
            based_on_seq=based_on_seq,
            provider=provider,
        )
        assignee = (rooms.agent(assigned_to),) if assigned_to else ()
        to = (rooms.conversation_staff(conversation_id), *assignee)
        await self._emit(account_id, "ai_draft", payload, *to, key=f"drafted/{message_id}")

    async def ai_error(
        self, *, account_id: UUID, conversation_id: UUID, message_id: UUID, kind: RunKind, run_id: UUID, error: str
    ) -> None:
        """The end of a run that failed for good; `error` is safe to show."""
        payload = _about(conversation_id, message_id) | {
            "processingType": kind,
            "runId": str(run_id),
            "error": error,
            "retryable": False,
        }
        await self._emit(account_id, "ai_error", payload, rooms.account(account_id), key=f"ended/{run_id}")

    async def classification_corrected(self, *, account_id: UUID, payload: Payload) -> None:
        await self.to_account(account_id, "classification_corrected", payload)

    # ----------------------------------------------------------------------------------------------------------------

    async def _emit(
        self,
        account_id: UUID,
        event: str,
        payload: Payload,
        *to: str,
        but: tuple[str, ...] = (),
        key: str | None = None,
        is_volatile: bool = False,
        entry: UUID | None = None,
    ) -> asyncio.Future[None]:
        return await self._emitter.emit(
            Envelope(
                account_id=account_id,
                event=event,
                data=payload,
                rooms=to,
                except_rooms=but,
                key=key,
                is_volatile=is_volatile,
                entry=entry,
            )
        )

    async def _to_both_sides(
        self,
        account_id: UUID,
        event: str,
        payload: Payload,
        conversation_id: UUID,
        staff: tuple[str, ...],
        *,
        key: str | None = None,
        entry: UUID | None = None,
    ) -> None:
        """To staff as it is; to the customer without `reason`."""
        of_staff, customer = rooms.conversation_staff(conversation_id), rooms.conversation(conversation_id)
        await self._emit(account_id, event, payload, of_staff, *staff, key=key and f"{key}/staff", entry=entry)
        public = {name: value for name, value in payload.items() if name != "reason"}
        key = key and f"{key}/customer"
        await self._emit(account_id, event, public, customer, but=(of_staff,), key=key, entry=entry)

    async def settle(self, *, timeout: float) -> bool:
        """Wait until Redis has all that was told, at most `timeout` seconds; tells whether it has."""
        return await self._emitter.settle(timeout=timeout)


def message_envelope(
    account_id: UUID, message: Message, *, follows_closely: bool, entry: UUID | None = None
) -> Envelope:
    """`new_message`, for whom it is meant, in its place."""
    place = Place(conversation_id=message.conversation_id, seq=message.seq, follows_closely=follows_closely)
    room = rooms.conversation_staff if message.private else rooms.conversation
    to = (room(message.conversation_id), rooms.account(account_id))
    return Envelope(account_id=account_id, event="new_message", data=message.wire(), rooms=to, place=place, entry=entry)


def _parties(account_id: UUID, agent_id: UUID, team_id: UUID | None) -> tuple[str, ...]:
    team = (rooms.team(team_id),) if team_id else ()
    return (rooms.account(account_id), rooms.agent(agent_id), *team)


def classification_fields(*, classification: Payload, confidence: float, processing_ms: int, provider: str) -> Payload:
    """What `ai_classification` says besides what it is about."""
    return {
        "classification": classification,
        "confidence": confidence,
        "processingTime": processing_ms,
        "provider": provider,
    }


def draft_fields(
    *,
    draft: Payload,
    confidence: float,
    reasoning: str | None,
    sources: list[Any],
    citations: list[Any],
    based_on_seq: int,
    provider: str,
) -> Payload:
    """What `ai_draft` says besides what it is about."""
    fields = {
        "draft": draft,
        "confidence": confidence,
        "sources": sources,
        "citations": citations,
        "basedOnSeq": based_on_seq,
        "provider": provider,
    }
    return fields if reasoning is None else fields | {"reasoning": reasoning}


def _about(conversation_id: UUID, message_id: UUID) -> Payload:
    return {"conversationId": str(conversation_id), "messageId": str(message_id), "timestamp": now()}


@asynccontextmanager
async def from_settings(settings: Settings) -> AsyncIterator[BroadcastService]:
    """A service for a process without sockets of its own: each call returns when Redis has the event."""
    presence = Presence(connect(settings.redis), settings)
    emitter = StreamWriter(connect(settings.redis), length=settings.bus_length, settled=True)
    try:
        yield BroadcastService(emitter, presence)
    finally:
        await emitter.settle(timeout=SETTLE_SECONDS)
        await emitter.close()
        await presence.close()
