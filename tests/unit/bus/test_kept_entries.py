from hummdesk.bus.kept_entries import Entry, KeptEntries, KeptShard

SIZE = 100


def entry(number: int, *, size: int = SIZE, at: int = 0) -> Entry:
    return Entry(f"{at + number}-0", f"{at + number - 1}-0", 0.0, (), size)


def fill(kept: KeptShard, numbers: range, *, size: int = SIZE) -> None:
    for number in numbers:
        kept.append(entry(number, size=size), keep_seconds=60)


def test_kept_entries_beyond_the_bytes_lose_the_oldest() -> None:
    memory = KeptEntries(10 * SIZE)
    kept = memory.begin()
    fill(kept, range(1, 100))
    assert memory.bytes == kept.bytes <= 10 * SIZE
    assert kept.entries[-1].id == "99-0"
    assert len(kept.entries) >= 8
    assert kept.after("98-0", is_whole=True, position="99-0") == len(kept.entries) - 1
    assert kept.after("50-0", is_whole=True, position="99-0") is None


def test_shard_with_the_most_bytes_loses_its_entries_and_others_keep_theirs() -> None:
    memory = KeptEntries(10 * SIZE)
    quiet, busy = memory.begin(), memory.begin()
    fill(quiet, range(1, 4))
    fill(busy, range(1, 1000))
    assert len(quiet.entries) == 3
    assert memory.bytes == quiet.bytes + busy.bytes <= 10 * SIZE


def test_entry_larger_than_the_bytes_is_not_kept() -> None:
    memory = KeptEntries(10 * SIZE)
    kept = memory.begin()
    fill(kept, range(1, 4), size=11 * SIZE)
    assert (kept.entries, kept.bytes, memory.bytes) == ([], 0, 0)
    assert kept.after("3-0", is_whole=True, position="3-0") == 0


def test_entries_of_an_ended_reader_are_released() -> None:
    memory = KeptEntries(10 * SIZE)
    old = memory.begin()
    fill(old, range(1, 6))
    new = memory.begin()
    memory.end(old)
    fill(new, range(1, 100))
    assert memory.bytes == new.bytes <= 10 * SIZE


def test_entries_twice_as_old_as_they_are_needed_are_removed() -> None:
    memory = KeptEntries(10**9)
    kept = memory.begin()
    fill(kept, range(1, 1000))
    kept.append(entry(1000, at=10**6), keep_seconds=60)
    assert [one.id for one in kept.entries] == ["1001000-0"]
