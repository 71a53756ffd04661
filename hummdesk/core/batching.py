"""Questions that many ask at the same moment, answered in one round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """Gathers what is asked while the answers before are under way; who asks alone waits for nobody.

    Every question is put after it was asked, so an answer is never older than its question.
    """

    def __init__(self, put: Callable[[list[Question]], Awaitable[Sequence[Answer]]], *, most: int) -> None:
        """`put` gives an answer to each of `most` questions at the most; what it raises, each of them gets."""
        self._put = put
        self._most = most
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        finally:
            self._task = None

    async def _settle(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._put([question for question, _ in batch])
        except Exception as fault:
            for _, future in batch:
                if not future.done():
                    future.set_exception(fault)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
