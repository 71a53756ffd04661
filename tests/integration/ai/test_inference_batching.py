"""Inference in batches: texts of one tick of the event loop are encoded together, with the same results as alone."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.inference_batching import MAX_CHARACTERS, MAX_TEXTS, inference_batcher
from hummdesk.ai.protocol import Context, IncomingMessage
from hummdesk.core.broker import BATCH_SIZES

TEXTS = [
    "Where is my parcel?",
    "I was charged twice, this is URGENT!!",
    "",
    "Ich komme nicht mehr in mein Konto, das Passwort geht nicht.",
    "我的订单在哪里?",
    "The app crashes when I open it. " * 30,
    "\ud800 🙂",
    "What is the capital of France?",
    "Hello!",
]


class RecordingEncoder:
    """The encoder, with a record of its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> list[Vectors]:
        self.batches.append(list(texts))
        return list(encode(texts))


async def test_texts_of_one_tick_are_encoded_in_one_batch() -> None:
    encoder = RecordingEncoder()
    batcher = inference_batcher(encoder.encode)
    found = await asyncio.gather(*map(batcher.submit, TEXTS))
    assert encoder.batches == [TEXTS]
    assert all(row.shape == (512,) for row in found)
    np.testing.assert_allclose(np.vstack(found), np.vstack([encode([text]) for text in TEXTS]), atol=1e-5)


async def test_batch_has_at_most_max_texts() -> None:
    encoder = RecordingEncoder()
    batcher = inference_batcher(encoder.encode)
    await asyncio.gather(*(batcher.submit(f"Message {number}") for number in range(2 * MAX_TEXTS + 1)))
    await batcher.submit("Later")
    assert [len(texts) for texts in encoder.batches] == [
        MAX_TEXTS,
        MAX_TEXTS,
        1,
        1,
    ]


async def test_batch_of_long_texts_ends_at_max_characters() -> None:
    encoder = RecordingEncoder()
    batcher = inference_batcher(encoder.encode)
    texts = ["word " * (MAX_CHARACTERS // 20)] * 9  # a quarter each
    await asyncio.gather(*map(batcher.submit, texts))
    assert [len(texts) for texts in encoder.batches] == [4, 4, 1]


async def test_batch_counts_only_the_characters_that_are_read() -> None:
    encoder = RecordingEncoder()
    batcher = inference_batcher(encoder.encode, max_read=MAX_CHARACTERS // 4)
    texts = ["word " * (MAX_CHARACTERS // 5)] * 5
    await asyncio.gather(*map(batcher.submit, texts))
    assert [len(texts) for texts in encoder.batches] == [4, 1]


def test_celery_task_of_classifications_fits_into_a_batch() -> None:
    assert BATCH_SIZES["classification"] <= MAX_TEXTS


async def test_cancelled_text_is_left_out_of_the_batch() -> None:
    encoder = RecordingEncoder()
    batcher = inference_batcher(encoder.encode)
    cancelled, other = (asyncio.ensure_future(batcher.submit(text)) for text in ("cancelled", "other"))
    asyncio.get_running_loop().call_soon(cancelled.cancel)
    assert (await other).shape == (512,)
    assert cancelled.cancelled()
    assert encoder.batches == [["other"]]


async def test_failed_batch_raises_for_its_texts_only() -> None:
    errors = [MemoryError("out of memory")]

    def encode_or_fail(texts: Sequence[str]) -> list[Vectors]:
        if errors:
            raise errors.pop()
        return list(encode(texts))

    batcher = inference_batcher(encode_or_fail)
    found = await asyncio.gather(*map(batcher.submit, TEXTS), return_exceptions=True)
    assert [type(one) for one in found] == [MemoryError] * len(TEXTS)
    assert (await batcher.submit("Again")).shape == (512,)


def test_batcher_works_in_a_new_loop_after_the_first_one_stopped() -> None:
    batcher = inference_batcher(RecordingEncoder().encode)

    async def submit_and_stop() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.stop)
        await batcher.submit("Never encoded")

    loop = asyncio.new_event_loop()
    pending = loop.create_task(submit_and_stop())
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert not pending.done()
    assert asyncio.run(batcher.submit("Next")).shape == (512,)
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(pending)
    loop.close()


async def test_messages_classified_in_a_batch_equal_single_results() -> None:
    provider = EmbeddedProvider()
    alone = [await provider.classify(IncomingMessage(content=text), Context()) for text in TEXTS]
    classifications = (provider.classify(IncomingMessage(content=text), Context()) for text in TEXTS)
    batched = await asyncio.gather(*classifications)
    for one, other in zip(alone, batched, strict=True):
        assert one.wire() == other.wire()
        assert one.confidence == pytest.approx(other.confidence, abs=0.001)
