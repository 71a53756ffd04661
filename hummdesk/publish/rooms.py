"""The names of the rooms, each kept once in memory for however many sockets."""

from sys import intern
from uuid import UUID


def account(account_id: UUID) -> str:
    """Every staff socket of the account; never a customer's."""
    return intern(f"account:{account_id}")


def agent(user_id: UUID) -> str:
    """The sockets of one admin or agent."""
    return intern(f"agent:{user_id}")


def team(team_id: UUID) -> str:
    """The sockets of the team's members."""
    return intern(f"team:{team_id}")


def conversation(conversation_id: UUID) -> str:
    """The sockets that joined it: staff of the account, and its own customer."""
    return intern(f"conversation:{conversation_id}")


def conversation_staff(conversation_id: UUID) -> str:
    """The staff among those who joined it."""
    return intern(f"conversation:{conversation_id}:staff")


def of_joined(conversation_id: UUID, *, is_staff: bool) -> set[str]:
    """What a socket enters that joins a conversation."""
    return {conversation(conversation_id)} | ({conversation_staff(conversation_id)} if is_staff else set())


def person(person_id: UUID) -> str:
    """All sockets of one person, of any role. The server's own: a typist's other tabs do not hear of the typing."""
    return intern(f"person:{person_id}")
