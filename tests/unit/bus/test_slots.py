import pytest
from redis.crc import key_slot

from hummdesk.bus.own_connection import Command
from hummdesk.bus.shards import SHARDS, Shard
from hummdesk.bus.slots import SLOTS, SlotMap, key_of, slot_of


@pytest.mark.parametrize("key", ["a", "hummdesk:{events:3}:tip", "{}a", "a{b", "a}{b}", "{{a}}", "{ä}:x", ""])
def test_slot_of_a_key_is_the_one_of_the_library(key: str) -> None:
    assert slot_of(key) == slot_of(key.encode()) == key_slot(key.encode())


def test_keys_of_a_shard_are_in_one_slot() -> None:
    for number in range(SHARDS):
        shard = Shard(number)
        keys = [shard.stream, shard.tip, shard.parts, shard.part_bytes, shard.writer("{w}"), shard.mark("m/{x}")]
        assert len(set(map(slot_of, keys))) == 1


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("GET", "a"), "a"),
        (("EVALSHA", "digest", 2, b"a", "b", "argument"), b"a"),
        (("XREAD", "COUNT", 16, "BLOCK", 2000, "STREAMS", "a", "0-0"), "a"),
        (("PING",), None),
        (("SCRIPT", "LOAD", "return 1"), None),
        (("INFO", "memory"), None),
    ],
)
def test_key_of_a_command_is_its_first_one(command: Command, key: str | bytes | None) -> None:
    assert key_of(command) == key


def test_slot_map_finds_owners_and_missing_slots() -> None:
    answer = [[10, 19, [b"b", 2, b"id"], [b"replica", 9, b"id"]], [0, 9, [b"", 1, b"id"]]]
    slots = SlotMap.from_redis(answer, asked=("asked", 7))
    assert [slots.owner(slot) for slot in (0, 9, 10, 19, 20)] == [("asked", 1), ("asked", 1), ("b", 2), ("b", 2), None]
    assert slots.masters == [("asked", 1), ("b", 2)]
    assert slots.missing == SLOTS - 20
    assert SlotMap().owner(0) is None
