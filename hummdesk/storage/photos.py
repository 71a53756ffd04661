"""Photos of users: small square images at addresses that cannot be guessed, and whose content never changes."""

from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("photos")

MAX_BYTES = 65_536


def path_of(account_id: UUID, user_id: UUID, version: str) -> str:
    return f"/photos/{account_id}/{user_id}/{version}"


async def put(tx: Transaction, actor: Person, user_id: UUID, *, version: str, content: bytes) -> None:
    """Set the photo of a user. Raises NotFound."""
    if await queries.put(tx, user_id=user_id, version=version, content=content) is None:
        raise NotFound
    await audit.record(tx, actor, "user.updated", user_id, {"fields": ["photo"]})


async def remove(tx: Transaction, actor: Person, user_id: UUID) -> None:
    """Delete the photo of a user, if there is one."""
    if await queries.remove(tx, user_id=user_id) is not None:
        await audit.record(tx, actor, "user.updated", user_id, {"fields": ["photo"]})


async def get(tx: Transaction, user_id: UUID, version: str) -> bytes:
    """A photo as a WebP. Raises NotFound."""
    row = await queries.get(tx, user_id=user_id, version=version)
    if row is None:
        raise NotFound
    return bytes(row["content"])
