"""Which shard an account is in, while shards are split one after the other."""

from uuid import UUID

from hummdesk.bus.kept_entries import Entry
from hummdesk.bus.shards import MAX_SHARDS, SHARDS, Shard, ShardMap, doublings, shard_of
from hummdesk.bus.splitting import ShardState
from hummdesk.core.ids import new_id

ACCOUNTS = [new_id() for _ in range(500)]


def all_split(number: int) -> ShardMap:
    found = ShardMap()
    for step in doublings(SHARDS, number):
        for shard in range(step // 2):
            found.split(Shard(shard), step)
    return found


def test_shard_of_account_without_splits_is_that_of_earlier_versions() -> None:
    account = UUID("0190a0b0-0000-7000-8000-000000000001")
    assert ShardMap().shard_of(account) == shard_of(account) == Shard(6)


def test_doublings_are_the_numbers_after_one_up_to_another() -> None:
    assert doublings(16, 64) == [32, 64]
    assert doublings(32, 32) == doublings(64, 32) == []


def test_shard_is_created_with_the_doubling_that_first_has_it() -> None:
    found = {number: Shard(number).created_with for number in (0, 15, 16, 31, 32, 63, 64, 1023)}
    assert found == {0: 16, 15: 16, 16: 32, 31: 32, 32: 64, 63: 64, 64: 128, 1023: 1024}


def test_new_shard_has_only_accounts_of_its_origin() -> None:
    for step in doublings(SHARDS, 256):
        for account in ACCOUNTS:
            after = shard_of(account, step)
            before = shard_of(account, step // 2)
            assert after == before or after.origin == before


def test_split_moves_accounts_of_that_shard_only() -> None:
    found = ShardMap()
    assert found.split(Shard(3), 32) == [Shard(19)]
    for account in ACCOUNTS:
        is_of_split = shard_of(account) == Shard(3)
        assert found.shard_of(account) == shard_of(account, 32 if is_of_split else SHARDS)


def test_account_stays_in_a_new_shard_until_that_one_is_split_itself() -> None:
    """Shard 3 was split twice, shard 19 not yet for the second time."""
    found = ShardMap()
    found.split(Shard(3), 32)
    assert found.split(Shard(3), 64) == [Shard(35)]
    of_three = [account for account in ACCOUNTS if shard_of(account) == Shard(3)]
    assert {found.shard_of(account) for account in of_three} == {Shard(3), Shard(19), Shard(35)}
    found.split(Shard(19), 64)
    assert all(found.shard_of(account) == shard_of(account, 64) for account in of_three)


def test_splits_that_were_found_at_once_are_those_found_one_by_one() -> None:
    at_once, one_by_one = ShardMap(), all_split(64)
    assert at_once.split(Shard(3), 64) == [Shard(19), Shard(35)]
    at_once.split(Shard(19), 64)
    of_three = [account for account in ACCOUNTS if shard_of(account) == Shard(3)]
    assert all(at_once.shard_of(account) == one_by_one.shard_of(account) for account in of_three)


def test_repeated_split_adds_no_shard() -> None:
    found = ShardMap()
    found.split(Shard(3), 64)
    assert found.split(Shard(3), 32) == []
    assert found.number_of(Shard(3)) == 64


def test_all_splits_lead_to_the_shard_among_all() -> None:
    found = all_split(MAX_SHARDS)
    assert all(found.shard_of(account) == shard_of(account, MAX_SHARDS) for account in ACCOUNTS)


def test_state_of_a_shard_that_was_never_split_is_the_first_number() -> None:
    assert ShardState.parsed(None) == ShardState.parsed(b"1764500000000 0") == ShardState(SHARDS, "")
    assert ShardState.parsed(b"1764500000000 0 32 17-4 1764500000000") == ShardState(32, "17-4")


def test_entry_of_a_split_has_no_event() -> None:
    entry = Entry.from_redis(b"17-4", [b"prev", b"17-3", b"at", b"1.5", b"shards", b"32"])
    assert (entry.previous, entry.events, entry.shards) == ("17-3", (), 32)
