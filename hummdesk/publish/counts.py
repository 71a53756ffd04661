"""The counts of an inbox for one person, from the numbers of conversations of an account."""

from collections import Counter
from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.publish.events.inbox import CountsChanged, QueueCount, ViewCount
from hummdesk.storage.counts import Totals, ViewTotal


def counts_of(totals: Totals, person: Person) -> CountsChanged:
    """Count the person's own open conversations, the unassigned ones, of these those in the queue of each team, and
    those of each saved view that the person sees.
    """
    mine = unassigned = 0
    queues: Counter[str] = Counter()
    for kind, number in totals.kinds.items():
        if kind.assigned_to == person.id:
            mine += number
        elif kind.assigned_to is None:
            unassigned += number
            if kind.assigned_team is not None:
                queues[str(kind.assigned_team)] += number
    found: list[QueueCount] = [{"teamId": team, "count": number} for team, number in sorted(queues.items())]
    return CountsChanged(mine=mine, unassigned=unassigned, queues=found, views=_views(totals, person))


def _views(totals: Totals, person: Person) -> list[ViewCount]:
    seen = {view_id: total for view_id, total in totals.views.items() if total.owner_id in (None, person.id)}
    return [_view(view_id, total, person) for view_id, total in sorted(seen.items())]


def _view(view_id: UUID, total: ViewTotal, person: Person) -> ViewCount:
    counted: ViewCount = {"viewId": str(view_id), "count": total.of(person.id)}
    if total.has_more:
        counted["hasMore"] = True
    return counted
