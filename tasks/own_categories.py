"""The own categories and tags of accounts, cached by their version, which is part of each claimed run."""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from hummdesk.storage import categories
from hummdesk.storage.categories import Categories, VersionedCategories
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext

CACHED_ACCOUNTS = 100

_cache: OrderedDict[UUID, VersionedCategories] = OrderedDict()


async def used(worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> dict[UUID, Categories]:
    """The categories and tags by account, without accounts that use the built-in ones of both."""
    versions = {run.account_id: run.categories_version for run in claimed if run.categories_version is not None}
    changed = [one for one, version in versions.items() if one not in _cache or _cache[one].version != version]
    if changed:
        async with worker.database.accounts(changed) as tx:
            loaded = await categories.used(tx, changed)
        for account_id in changed:
            _cache.pop(account_id, None)
        _cache.update(loaded)
    found = {one: _cache[one].categories for one in versions if one in _cache}
    for account_id in found:
        _cache.move_to_end(account_id)
    while len(_cache) > CACHED_ACCOUNTS:
        _cache.popitem(last=False)
    return found
