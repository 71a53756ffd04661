"""The recipients of an event, as groups of sockets that share a room."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from hummdesk.publish import rooms

Recipient = Literal[
    "socket", "account staff", "account customers", "joined staff", "joined customer", "assignee", "team"
]
"""Kinds of recipients, as the contract names them."""

STAFF: frozenset[Recipient] = frozenset({"account staff", "joined staff", "assignee", "team"})


@dataclass(frozen=True, slots=True)
class Group:
    """The sockets in one room. `field` names the attribute of the event with the room's id; None means no room."""

    room: Callable[[UUID], str]
    field: str
    recipients: frozenset[Recipient]


ACCOUNT = Group(rooms.account, "account_id", STAFF)
CUSTOMERS = Group(rooms.customers, "account_id", frozenset({"account customers"}))
JOINED = Group(rooms.conversation, "conversation_id", frozenset({"joined staff", "joined customer"}))
JOINED_STAFF = Group(rooms.conversation_staff, "conversation_id", frozenset({"joined staff"}))


def agent(field: str) -> Group:
    return Group(rooms.agent, field, frozenset({"assignee"}))


def team(field: str) -> Group:
    return Group(rooms.team, field, frozenset({"team"}))


def person(field: str) -> Group:
    """All sockets of one person, whatever the role; only to leave them out."""
    return Group(rooms.person, field, frozenset())
