"""Pages that customers have opened, as their widgets report them, in accounts whose look has `recordPages`.

The newest MOST of each customer are kept, for DAYS, or the retention of the account if that is shorter.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Invalid
from hummdesk.core.ids import new_id
from hummdesk.storage.accounts import OWN_ORIGIN
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("page_visits")

MOST = 50
DAYS = 30
MAX_URL = 1_000
PATH_PARAMETERS = re.compile(";[^/]*")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVisit:
    url: str
    title: str
    visited_at: datetime

    def wire(self) -> dict[str, Any]:
        return {"url": self.url, "title": self.title, "visitedAt": wire_time(self.visited_at)}


def page_of(address: str) -> tuple[str, str]:
    """The origin of an address, and its URL without credentials, parameters and fragment. Raises Invalid."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in DEFAULT_PORTS:
        raise Invalid(details={"url": ["Must be an http or https URL."]})
    shown = f"[{host}]" if ":" in host else host
    is_default = port in (None, DEFAULT_PORTS[parts.scheme])
    origin = f"{parts.scheme}://{shown}" + ("" if is_default else f":{port}")
    url = origin + (PATH_PARAMETERS.sub("", parts.path) or "/")
    if len(url) > MAX_URL:
        raise Invalid(details={"url": [f"Must have at most {MAX_URL} characters without its query."]})
    return origin, url


async def add(tx: Transaction, *, contact_id: UUID, address: str, title: str, own_origin: str) -> bool:
    """Record that a customer has opened a page; return whether the account records it. Raises Invalid.

    A page that is opened again before any other one is not added, but its title and time are renewed.
    """
    origin, url = page_of(address)
    origins = [origin, OWN_ORIGIN] if origin == own_origin else [origin]
    if await queries.lock_recorded(tx, contact_id=contact_id, origins=origins) is None:
        return False
    await queries.add(tx, id=new_id(), contact_id=contact_id, url=url, title=title)
    await queries.trim(tx, contact_id=contact_id, most=MOST)
    return True


async def visits(tx: Transaction, contact_id: UUID) -> list[PageVisit]:
    """The pages that a customer has opened, newest first."""
    return [PageVisit(**row) async for row in queries.visits(tx, contact_id=contact_id)]


async def move(tx: Transaction, *, visitor_id: UUID, contact_id: UUID) -> None:
    """Make the visits of an anonymous visitor those of the contact."""
    await queries.move(tx, visitor_id=visitor_id, contact_id=contact_id)
    await queries.trim(tx, contact_id=contact_id, most=MOST)
