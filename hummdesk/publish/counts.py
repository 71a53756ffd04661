"""The counts of an inbox for one person, from the number of conversations of each kind."""

from collections import Counter

from hummdesk.core.models import Person
from hummdesk.publish.events.inbox import CountsChanged, QueueCount
from hummdesk.storage.counts import Kind


def counts_of(kinds: Counter[Kind], person: Person) -> CountsChanged:
    """Count the person's own open conversations, the unassigned ones, and of these those in the queue of each team."""
    mine = unassigned = 0
    queues: Counter[str] = Counter()
    for kind, number in kinds.items():
        if kind.assigned_to == person.id:
            mine += number
        elif kind.assigned_to is None:
            unassigned += number
            if kind.assigned_team is not None:
                queues[str(kind.assigned_team)] += number
    found: list[QueueCount] = [{"teamId": team, "count": number} for team, number in sorted(queues.items())]
    return CountsChanged(mine=mine, unassigned=unassigned, queues=found)
