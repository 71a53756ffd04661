"""Messages of one conversation, put back into order."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest

from hummdesk.bus import sequencer
from hummdesk.bus.envelope import Envelope, Place, join, pack, unpack
from hummdesk.bus.sequencer import Sequencer
from hummdesk.storage.ids import new_id

ACCOUNT = new_id()


class Heard(list[int]):
    async def deliver(self, envelope: Envelope) -> None:
        self.append(envelope.place.seq if envelope.place else 0)


def message(conversation: UUID, seq: int, *, closely: bool = True) -> Envelope:
    place = Place(account_id=ACCOUNT, conversation_id=conversation, seq=seq, follows_closely=closely)
    return Envelope(event="new_message", data={}, rooms=("a",), place=place)


@pytest.fixture
def heard() -> Heard:
    return Heard()


class Stored(set[int]):
    """The messages that a look into PostgreSQL finds; None while it is away."""

    is_away = False

    async def fetch(self, held: Envelope, delivered: int) -> list[Envelope]:
        if self.is_away:
            raise OSError("PostgreSQL is away")
        assert held.place is not None
        after = delivered or held.place.seq - 2
        conversation = held.place.conversation_id
        return [message(conversation, seq) for seq in sorted(self) if after < seq < held.place.seq]


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def line(heard: Heard, stored: Stored) -> Iterator[Sequencer]:
    line = Sequencer(heard.deliver, stored.fetch)
    yield line
    line.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "HOLD_SECONDS", 0.02)


async def accept(line: Sequencer, *seqs: int, closely: bool = True) -> None:
    conversation = new_id()
    for seq in seqs:
        await line.accept(message(conversation, seq, closely=closely))


@pytest.mark.parametrize(
    ("arrived", "delivered"),
    [
        ((1, 2, 3), [1, 2, 3]),
        ((2, 1, 3), [1, 2, 3]),
        ((3, 2, 1), [1, 2, 3]),
        ((1, 4, 3, 2, 5), [1, 2, 3, 4, 5]),
        ((1, 3), [1]),
    ],
)
async def test_the_order_is_seq(line: Sequencer, heard: Heard, arrived: tuple[int, ...], delivered: list[int]) -> None:
    await accept(line, *arrived)
    assert heard == delivered


async def test_a_quiet_conversation_starts_anywhere(line: Sequencer, heard: Heard) -> None:
    await accept(line, 7, closely=False)
    await accept(line, 17, 19, 18, closely=False)
    await accept(line, 27)
    assert heard == [7, 17, 18, 19]


async def test_conversations_do_not_wait_for_each_other(line: Sequencer, heard: Heard) -> None:
    await line.accept(message(new_id(), 2))
    await line.accept(message(new_id(), 1))
    await line.accept(Envelope(event="typing_start", data={}, rooms=("a",)))
    assert heard == [1, 0]


@pytest.mark.usefixtures("impatient")
async def test_what_does_not_come_is_looked_up(line: Sequencer, heard: Heard, stored: Stored) -> None:
    stored.update((1, 2, 3, 4, 5, 6))
    await accept(line, 1, 3, 6, 4)
    assert heard == [1]
    await asyncio.sleep(0.1)
    assert heard == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("impatient")
async def test_what_comes_late_is_not_delivered_again(line: Sequencer, heard: Heard, stored: Stored) -> None:
    stored.update((1, 2, 3))
    conversation = new_id()
    for seq in (1, 3):
        await line.accept(message(conversation, seq))
    await asyncio.sleep(0.1)
    for seq in (2, 3, 4):
        await line.accept(message(conversation, seq))
    assert heard == [1, 2, 3, 4]


@pytest.mark.usefixtures("impatient")
async def test_an_unknown_conversation_looks_back_by_one(line: Sequencer, heard: Heard, stored: Stored) -> None:
    stored.update(range(1, 10))
    await accept(line, 9)
    await asyncio.sleep(0.1)
    assert heard == [8, 9]


@pytest.mark.usefixtures("impatient")
async def test_a_look_up_is_tried_again(line: Sequencer, heard: Heard, stored: Stored) -> None:
    stored.update((1, 2, 3))
    stored.is_away = True
    await accept(line, 1, 3)
    await asyncio.sleep(0.1)
    assert heard == [1]
    stored.is_away = False
    await asyncio.sleep(0.1)
    assert heard == [1, 2, 3]


async def test_the_quietest_conversation_is_forgotten(line: Sequencer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "REMEMBERED", 3)
    for _ in range(10):
        await line.accept(message(new_id(), 1))
    assert len(line._lines) <= 3


def test_envelopes_travel_whole() -> None:
    envelopes = [
        message(new_id(), 3),
        Envelope(event="x", data={"a": 1}, rooms=("r", "s"), except_rooms=("t",), key="k"),
        Envelope(event="x", data={"a": 10**20}, rooms=("r",)),
    ]
    assert unpack(join([pack(envelope) for envelope in envelopes])) == envelopes
