"""Texts that arrive in one tick of the loop are read together, and nobody can tell."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from hummdesk.ai import inference_batching
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.inference_batching import inference_batcher
from hummdesk.ai.protocol import Context, IncomingMessage

TEXTS = [
    "Where is my parcel?",
    "I was charged twice, this is URGENT!!",
    "",
    "Ich komme nicht mehr in mein Konto, das Passwort geht nicht.",
    "我的订单在哪里?",
    "The app crashes when I open it. " * 30,
    "\ud800 🙂",
]


class Reader:
    """The model, with what it was asked to read at a time."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []

    def read(self, texts: Sequence[str]) -> list[Vectors]:
        self.passes.append(list(texts))
        return list(encode(texts))


async def test_what_arrives_in_one_tick_is_read_in_one_pass_as_if_alone() -> None:
    reader = Reader()
    together = inference_batcher(reader.read)
    found = await asyncio.gather(*map(together.submit, TEXTS))
    assert reader.passes == [TEXTS]
    assert all(row.shape == (512,) for row in found)
    np.testing.assert_allclose(np.vstack(found), np.vstack([encode([text]) for text in TEXTS]), atol=1e-5)


async def test_a_pass_is_bounded_and_the_next_tick_has_its_own() -> None:
    reader = Reader()
    together = inference_batcher(reader.read)
    await asyncio.gather(
        *(together.submit(f"Message {number}") for number in range(2 * inference_batching.MAX_TEXTS + 1))
    )
    await together.submit("Later")
    assert [len(texts) for texts in reader.passes] == [inference_batching.MAX_TEXTS, inference_batching.MAX_TEXTS, 1, 1]


async def test_who_no_longer_waits_is_left_out() -> None:
    reader = Reader()
    together = inference_batcher(reader.read)
    gone, stays = (asyncio.ensure_future(together.submit(text)) for text in ("gone", "stays"))
    asyncio.get_running_loop().call_soon(gone.cancel)
    assert (await stays).shape == (512,)
    assert gone.cancelled()
    assert reader.passes == [["stays"]]


async def test_a_pass_that_fails_is_told_to_all_and_the_next_is_not_concerned() -> None:
    faults = [MemoryError("no room")]

    def read(texts: Sequence[str]) -> list[Vectors]:
        if faults:
            raise faults.pop()
        return list(encode(texts))

    together = inference_batcher(read)
    found = await asyncio.gather(*map(together.submit, TEXTS), return_exceptions=True)
    assert [type(one) for one in found] == [MemoryError] * len(TEXTS)
    assert (await together.submit("Again")).shape == (512,)


def test_a_loop_that_ended_in_between_stops_nobody() -> None:
    together = inference_batcher(Reader().read)

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.stop)
        await together.submit("Left behind")

    loop = asyncio.new_event_loop()
    left = loop.create_task(leave())
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert not left.done()
    assert asyncio.run(together.submit("Next")).shape == (512,)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(left)
    loop.close()


async def test_messages_are_classified_together_as_alone() -> None:
    provider = EmbeddedProvider()
    alone = [await provider.classify(IncomingMessage(content=text), Context()) for text in TEXTS]
    asked = (provider.classify(IncomingMessage(content=text), Context()) for text in TEXTS)
    together = await asyncio.gather(*asked)
    for one, other in zip(alone, together, strict=True):
        assert one.wire() == other.wire()
        assert one.confidence == pytest.approx(other.confidence, abs=0.001)
