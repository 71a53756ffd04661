"""The number of sockets of this process by account and role: the only count, from which all others are derived."""

import asyncio
from collections import Counter
from uuid import UUID

from hummdesk.core.metrics import ACCOUNT_CONNECTIONS, CONNECTIONS, AccountLabels
from hummdesk.core.models import Person
from hummdesk.server.connection_metrics import UNAUTHENTICATED

Roles = dict[str, int]


class ConnectionCounts:
    """Also sets the gauges of authenticated connections."""

    def __init__(self, labels: AccountLabels) -> None:
        self._labels = labels
        self._roles: Counter[str] = Counter()
        self._people: Counter[UUID] = Counter()
        self._accounts: dict[UUID, Counter[str]] = {}
        self._changed: set[UUID] = set()
        self.has_changed = asyncio.Event()
        """Set with each change of the sockets of an account."""

    def add(self, person: Person | None) -> None:
        """Count a socket of a person, or None for one that is not authenticated."""
        self._count(person, 1)

    def remove(self, person: Person | None) -> None:
        self._count(person, -1)

    def of_person(self, person_id: UUID) -> int:
        """Return the number of sockets of a person."""
        return self._people.get(person_id, 0)

    def by_role(self) -> Roles:
        """Return the sockets by role; those that are not authenticated have the role `none`."""
        return {role: number for role, number in self._roles.items() if number}

    def by_account(self) -> dict[UUID, Roles]:
        """Return the sockets of every account by role, and an empty count once for those without sockets since."""
        return self._take(self._changed | self._accounts.keys())

    def changed_accounts(self) -> dict[UUID, Roles]:
        """Return the sockets by role of the accounts that have changed since the last call or that of `by_account`."""
        return self._take(set(self._changed))

    def _take(self, account_ids: set[UUID]) -> dict[UUID, Roles]:
        self._changed.clear()
        counts = {account_id: self._accounts[account_id] for account_id in account_ids}
        found = {account_id: {role: n for role, n in roles.items() if n} for account_id, roles in counts.items()}
        for account_id, roles in found.items():
            if not roles:
                del self._accounts[account_id]
        return found

    def _count(self, person: Person | None, change: int) -> None:
        role = UNAUTHENTICATED if person is None else person.role
        self._roles[role] += change
        if person is None:
            return
        CONNECTIONS.labels(role, "authenticated").inc(change)
        ACCOUNT_CONNECTIONS.labels(self._labels.of(person.account_id)).inc(change)
        self._accounts.setdefault(person.account_id, Counter())[role] += change
        self._changed.add(person.account_id)
        self.has_changed.set()
        self._people[person.id] += change
        if not self._people[person.id]:
            del self._people[person.id]
