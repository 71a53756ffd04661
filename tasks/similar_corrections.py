"""The corrections of an account that are nearest to a message, for who classifies it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import numpy as np

from hummdesk.ai.embedded import embedding
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.protocol import Category, Correction, Priority
from hummdesk.ai.text import plain
from hummdesk.storage import corrections
from hummdesk.storage.corrections import Corrected
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext

Versions = Mapping[UUID, datetime]
"""Of each account that has corrections, what changes with them."""

REMEMBERED = 500
"""Corrections of an account that are looked at, the newest."""
NEAREST = 3
LEAST_SIMILARITY = 0.5
ACCOUNTS = 100
"""Whose corrections a process holds: about a megabyte each."""


@dataclass(frozen=True, slots=True)
class _Memory:
    version: datetime
    corrected: list[Corrected]
    vectors: Vectors
    """A row of length 1 for each."""

    def nearest(self, vector: Vectors) -> tuple[Correction, ...]:
        similarities = self.vectors @ vector
        best = np.argsort(-similarities)[:NEAREST]
        return tuple(
            Correction(
                content=self.corrected[number].content,
                similarity=float(similarities[number]),
                category=cast("Category | None", self.corrected[number].category),
                priority=cast("Priority | None", self.corrected[number].priority),
            )
            for number in best
            if similarities[number] >= LEAST_SIMILARITY
        )


_memories: OrderedDict[UUID, _Memory] = OrderedDict()


async def nearest(
    worker: WorkerContext, jobs: Sequence[ClaimedRun], versions: Versions
) -> dict[UUID, tuple[Correction, ...]]:
    """By run, of those whose account has corrections; the texts are compared by their embeddings."""
    for account_id, version in versions.items():
        if account_id not in _memories or _memories[account_id].version != version:
            _memories[account_id] = await _load(worker, account_id, version)
        _memories.move_to_end(account_id)
        if len(_memories) > ACCOUNTS:
            _memories.popitem(last=False)
    asked = [job for job in jobs if job.account_id in versions]
    vectors = embedding.embed([plain(job.message.content) for job in asked])
    return {
        job.id: _memories[job.account_id].nearest(vector)
        for job, vector in zip(asked, vectors, strict=True)
        if job.account_id in _memories
    }


async def _load(worker: WorkerContext, account_id: UUID, version: datetime) -> _Memory:
    """Makes the vectors that are missing or of another model, and keeps them."""
    async with worker.database.accounts([account_id]) as tx:
        found = await corrections.newest(tx, account_id, most=REMEMBERED)
        known = {one.message_id: one.vector for one in found if one.vector and one.model == embedding.MODEL}
        missing = [one for one in found if one.message_id not in known]
        made = embedding.embed([plain(one.content) for one in missing])
        new = {one.message_id: vector.tobytes() for one, vector in zip(missing, made, strict=True)}
        if new:
            await corrections.keep_vectors(tx, account_id, new, model=embedding.MODEL)
    packed = b"".join((known | new)[one.message_id] for one in found)
    vectors = np.frombuffer(packed, dtype=np.float32).reshape(len(found), embedding.DIMENSIONS)
    return _Memory(version, found, vectors)
