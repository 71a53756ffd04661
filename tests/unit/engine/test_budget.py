"""Limits of the bytes of all holders together."""

from collections import Counter

from hummdesk.engine.budget import Allowance, ByteBudget


def test_bytes_within_the_limit_evict_nobody() -> None:
    evicted: list[str] = []
    budget: ByteBudget[str] = ByteBudget(100, evicted.append)
    budget.set("a", 60)
    budget.set("b", 40)
    budget.set("a", 10)
    budget.discard("b")
    budget.discard("b")
    assert (evicted, budget.total) == ([], 10)


def test_bytes_over_the_limit_evict_the_longest_holders_until_a_quarter_is_free() -> None:
    evicted: list[str] = []
    budget: ByteBudget[str] = ByteBudget(100, evicted.append)
    for holder in "abcd":
        budget.set(holder, 25)
    budget.set("a", 26)
    assert (evicted, budget.total) == (["a"], 75)
    budget.set("e", 30)
    assert (evicted, budget.total) == (["a", "b", "c"], 55)


def test_single_holder_over_the_limit_is_evicted() -> None:
    evicted: list[str] = []
    budget: ByteBudget[str] = ByteBudget(100, evicted.append)
    budget.set("a", 101)
    assert (evicted, budget.total) == (["a"], 0)


def test_measured_holders_are_evicted_by_what_they_have_now() -> None:
    evicted: list[str] = []
    actual = Counter({"a": 10, "b": 30, "c": 30})
    budget: ByteBudget[str] = ByteBudget(100, evicted.append, actual.__getitem__)
    for holder in "abc":
        budget.set(holder, 40)
    assert (evicted, budget.total) == ([], 70)
    actual["b"] = 90
    budget.set("b", 90)
    assert (evicted, budget.total) == (["a", "b"], 30)


def test_eviction_that_discards_holders_itself_does_not_fail() -> None:
    budget: ByteBudget[str] = ByteBudget(100, lambda _: budget.discard("b"))
    for holder in "abc":
        budget.set(holder, 50)
    assert budget.total == 50


def test_allowance_counts_within_its_period() -> None:
    allowance = Allowance()
    assert [allowance.take(now, number=2, seconds=10) for now in (100, 101, 109.9, 110, 111, 112)] == [
        True, True, False, True, True, False
    ]  # fmt: skip
