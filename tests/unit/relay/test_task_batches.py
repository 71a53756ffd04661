from hummdesk.core.broker import BATCH_SIZES
from hummdesk.core.ids import new_id
from hummdesk.core.models import RunKind
from hummdesk.relay.task_batches import task_batches
from hummdesk.storage.run_dispatch import DueRun


def due_runs(number: int, kind: RunKind = "classification", attempts: int = 0) -> list[DueRun]:
    return [
        DueRun(
            id=new_id(),
            account_id=new_id(),
            conversation_id=new_id(),
            message_id=new_id(),
            kind=kind,
            attempts=attempts,
        )
        for _ in range(number)
    ]


def test_task_batches_without_runs_are_none() -> None:
    assert list(task_batches([])) == []


def test_task_batches_of_one_kind_hold_at_most_the_batch_size_in_order() -> None:
    size = BATCH_SIZES["classification"]
    runs = due_runs(2 * size + 1)
    assert list(task_batches(runs)) == [runs[:size], runs[size : 2 * size], runs[2 * size :]]


def test_task_batches_of_two_kinds_are_separate() -> None:
    classifications, drafts = due_runs(2), due_runs(2, "draft")
    mixed = [run for pair in zip(drafts, classifications, strict=True) for run in pair]
    assert list(task_batches(mixed)) == [classifications, drafts]


def test_task_batches_of_runs_attempted_before_hold_one_run_each() -> None:
    fresh, attempted = due_runs(3), due_runs(2, attempts=1)
    assert list(task_batches(attempted + fresh)) == [fresh, [attempted[0]], [attempted[1]]]
