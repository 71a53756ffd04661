"""The names of the rooms. Each is interned, because every socket in the room holds it, and those of late are cached."""

from functools import lru_cache
from sys import intern
from uuid import UUID

CACHED = lru_cache(maxsize=4096)
"""Formatting UUIDs would be a sixth of the cost of publishing a message."""


@CACHED
def account(account_id: UUID) -> str:
    """Every staff socket of the account; never a customer's."""
    return intern(f"account:{account_id}")


@CACHED
def customers(account_id: UUID) -> str:
    """Every customer's socket of the account; never one of staff."""
    return intern(f"customers:{account_id}")


@CACHED
def agent(user_id: UUID) -> str:
    """The sockets of one admin or agent."""
    return intern(f"agent:{user_id}")


@CACHED
def team(team_id: UUID) -> str:
    """The sockets of the team's members."""
    return intern(f"team:{team_id}")


@CACHED
def conversation(conversation_id: UUID) -> str:
    """The sockets that joined it: staff of the account, and its own customer."""
    return intern(f"conversation:{conversation_id}")


@CACHED
def conversation_staff(conversation_id: UUID) -> str:
    """The sockets of staff that joined it."""
    return intern(f"conversation:{conversation_id}:staff")


def of_joined(conversation_id: UUID, *, is_staff: bool) -> set[str]:
    """The rooms that a socket enters when it joins a conversation."""
    return {conversation(conversation_id)} | ({conversation_staff(conversation_id)} if is_staff else set())


@CACHED
def person(person_id: UUID) -> str:
    """All sockets of one person, of any role. Internal: excludes the typist's own sockets from typing events."""
    return intern(f"person:{person_id}")
