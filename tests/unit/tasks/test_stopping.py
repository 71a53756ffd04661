"""The stop of Celery's worker processes, which waits for no fixed time."""

import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from billiard import pool
from celery.concurrency import prefork

from tasks import stopping


@pytest.fixture(autouse=True)
def correction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", None)
    monkeypatch.setattr(pool.Worker, "_do_exit", None)
    monkeypatch.setattr(prefork, "time", None)
    stopping.correct()
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def test_pool_process_reports_its_end_and_exits_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it slept"))
    monkeypatch.setattr(os, "_exit", done.append)
    process = SimpleNamespace(on_exit=None, outq=SimpleNamespace(put=done.append))
    pool.Worker._do_exit(process, 7, None)  # type: ignore[attr-defined]
    assert done == [(pool.DEATH, (7, pool.EX_OK)), pool.EX_OK]


def test_rounds_of_the_timers_of_a_stopping_worker_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    prefork.time.sleep(0.5)  # type: ignore[attr-defined]
    assert slept == [stopping.TIMER_SECONDS]
