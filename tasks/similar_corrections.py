"""The corrections of an account that are most similar to a message, as examples for its classification."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import numpy as np

from hummdesk.ai.embedded import embedding
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.protocol import Correction, Priority
from hummdesk.ai.text import plain
from hummdesk.storage import corrections
from hummdesk.storage.corrections import Corrected
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext

Versions = Mapping[UUID, datetime]
"""By account with corrections, a value that changes when its corrections change."""

CORRECTIONS_PER_ACCOUNT = 500
"""Only the newest corrections of an account are compared."""
NEAREST = 5
MINIMUM_SIMILARITY = 0.45
CACHED_ACCOUNTS = 100
"""Accounts whose corrections a worker process caches: about a megabyte each."""


@dataclass(frozen=True, slots=True)
class _AccountCorrections:
    version: datetime
    corrected: list[Corrected]
    vectors: Vectors
    """A row of length 1 for each correction."""

    def nearest(self, vector: Vectors) -> tuple[Correction, ...]:
        similarities = self.vectors @ vector
        best = np.argsort(-similarities)[:NEAREST]
        return tuple(
            Correction(
                content=self.corrected[number].content,
                similarity=float(similarities[number]),
                category=self.corrected[number].category,
                priority=cast("Priority | None", self.corrected[number].priority),
            )
            for number in best
            if similarities[number] >= MINIMUM_SIMILARITY
        )


_cache: OrderedDict[UUID, _AccountCorrections] = OrderedDict()


async def nearest(
    worker: WorkerContext, claimed: Sequence[ClaimedRun], versions: Versions
) -> dict[UUID, tuple[Correction, ...]]:
    """The nearest corrections by run, for runs of accounts that have corrections; texts are compared by embedding."""
    for account_id, version in versions.items():
        if account_id not in _cache or _cache[account_id].version != version:
            _cache[account_id] = await _load(worker, account_id, version)
        _cache.move_to_end(account_id)
        if len(_cache) > CACHED_ACCOUNTS:
            _cache.popitem(last=False)
    compared = [run for run in claimed if run.account_id in versions]
    vectors = embedding.embed([plain(run.message.content) for run in compared])
    return {
        run.id: _cache[run.account_id].nearest(vector)
        for run, vector in zip(compared, vectors, strict=True)
        if run.account_id in _cache
    }


async def _load(worker: WorkerContext, account_id: UUID, version: datetime) -> _AccountCorrections:
    """Load the corrections; compute and store vectors that are missing or come from another model."""
    async with worker.database.accounts([account_id]) as tx:
        found = await corrections.newest(tx, account_id, limit=CORRECTIONS_PER_ACCOUNT)
        known = {one.message_id: one.vector for one in found if one.vector and one.model == embedding.MODEL}
        missing = [one for one in found if one.message_id not in known]
        made = embedding.embed([plain(one.content) for one in missing])
        new = {one.message_id: vector.tobytes() for one, vector in zip(missing, made, strict=True)}
        if new:
            await corrections.store_vectors(tx, account_id, new, model=embedding.MODEL)
    packed = b"".join((known | new)[one.message_id] for one in found)
    vectors = np.frombuffer(packed, dtype=np.float32).reshape(len(found), embedding.DIMENSIONS)
    return _AccountCorrections(version, found, vectors)
