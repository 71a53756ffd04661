"""Splitting of due AI runs into Celery tasks."""

from collections.abc import Iterator, Sequence
from typing import get_args

from hummdesk.core.broker import BATCH_SIZES
from hummdesk.core.models import RunKind
from hummdesk.storage.run_dispatch import DueRun


def task_batches(due: Sequence[DueRun]) -> Iterator[list[DueRun]]:
    """The runs of each Celery task: several runs of one kind, or a single run that has been attempted before.

    A run that kills its worker process takes the others of its task with it; after that it is sent alone.
    """
    for kind in get_args(RunKind):
        first_attempts = [run for run in due if run.kind == kind and run.attempts == 0]
        size = BATCH_SIZES[kind]
        yield from (first_attempts[start : start + size] for start in range(0, len(first_attempts), size))
    yield from ([run] for run in due if run.attempts > 0)
