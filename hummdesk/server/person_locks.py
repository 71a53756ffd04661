from asyncio import Lock
from uuid import UUID
from weakref import WeakValueDictionary


class PersonLocks:
    """One lock for each person: of two concurrent updates of a person, the later one wins."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[UUID, Lock] = WeakValueDictionary()

    def of(self, person_id: UUID) -> Lock:
        return self._locks.setdefault(person_id, Lock())
