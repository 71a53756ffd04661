"""Events about presence: typing, agents, viewers. They are volatile: later they would be wrong."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self, TypedDict
from uuid import UUID

from hummdesk.bus.presence import Status
from hummdesk.bus.viewers import Viewers
from hummdesk.core.models import Person
from hummdesk.publish import rooms
from hummdesk.publish.audience import ACCOUNT, JOINED, JOINED_STAFF, person
from hummdesk.publish.events.base import Event, OfConversation, event, utc_now
from hummdesk.publish.fields import Id, SenderType


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing(OfConversation):
    """A person is typing, or has stopped typing. The person's own sockets do not receive it.

    `private`: the person writes a note; only staff receives the event.
    """

    user_id: UUID
    user_type: SenderType
    user_name: str
    private: bool = False

    @classmethod
    def of(cls, typist: Person, conversation_id: UUID, *, private: bool = False) -> Self:
        return cls(
            account_id=typist.account_id,
            conversation_id=conversation_id,
            user_id=typist.id,
            user_type=typist.side,
            user_name=typist.name,
            private=private,
        )

    def rooms(self) -> tuple[str, ...]:
        joined = rooms.conversation_staff if self.private else rooms.conversation
        return (joined(self.conversation_id),)


@event("typing_start", schema="Typing", to=(JOINED,), but=(person("user_id"),), is_volatile=True)
class TypingStart(Typing):
    """A person is typing."""


@event("typing_stop", schema="Typing", to=(JOINED,), but=(person("user_id"),), is_volatile=True)
class TypingStop(Typing):
    """A person has stopped typing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPresence(Event):
    """The presence of an agent."""

    agent_id: UUID
    account_id: UUID
    name: str
    email: str
    status: Status
    last_seen_at: datetime | None = field(default=None, compare=False)
    timestamp: datetime = field(default_factory=utc_now, compare=False)

    @classmethod
    def of(cls, agent: Person, status: Status, *, last_seen_at: datetime | None = None) -> Self:
        return cls(
            agent_id=agent.id,
            account_id=agent.account_id,
            name=agent.name,
            email=agent.email,
            status=status,
            last_seen_at=last_seen_at,
        )


@event("agent_online", schema="AgentPresence", to=(ACCOUNT,), is_volatile=True)
class AgentOnline(AgentPresence):
    """An agent has come online, or has another status than before."""


@event("agent_offline", schema="AgentPresence", to=(ACCOUNT,), is_volatile=True)
class AgentOffline(AgentPresence):
    """An agent has gone offline."""


@event("agent_status_changed", schema="AgentStatusChange", to=(ACCOUNT,), is_volatile=True)
class AgentStatusChanged(Event):
    """An agent has chosen another status."""

    agent_id: UUID
    old_status: Status
    new_status: Status
    timestamp: datetime = field(default_factory=utc_now)

    @classmethod
    def of(cls, agent: Person, *, old: Status, new: Status) -> Self:
        return cls(account_id=agent.account_id, agent_id=agent.id, old_status=old, new_status=new)


class Viewer(TypedDict):
    agentId: Id
    name: str


@event("conversation_viewers", schema="ConversationViewers", to=(JOINED_STAFF,), is_volatile=True)
class ConversationViewers(OfConversation):
    """The staff who are looking at a conversation now."""

    viewers: list[Viewer]

    @classmethod
    def of(cls, found: Viewers) -> Self:
        """By name, one entry for each agent."""
        people = sorted(found.names.items(), key=lambda person: (person[1], person[0]))
        viewers: list[Viewer] = [{"agentId": str(agent_id), "name": name} for agent_id, name in people]
        return cls(account_id=found.account_id, conversation_id=found.conversation_id, viewers=viewers)
