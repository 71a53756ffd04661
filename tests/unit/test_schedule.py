"""The distribution of the tests to the test processes."""

from tests.schedule import units

FAULT = "tests/system/chaos/test_web.py::test_kill"
OTHER_FAULT = "tests/system/chaos/test_redis.py::test_kill"
MIXED = "tests/unit/test_mixed.py"


def test_units_of_a_shared_folder_are_one() -> None:
    found = units([FAULT, OTHER_FAULT, f"{MIXED}::test_one"])
    assert found[FAULT] == found[OTHER_FAULT] != found[f"{MIXED}::test_one"]


def test_units_of_a_file_with_exclusive_tests_at_the_end_are_two() -> None:
    ordered = [
        f"{MIXED}::test_one[a::b]",
        f"{MIXED}::test_two",
        "tests/unit/test_other.py::test",
        f"{MIXED}::test_alone",
    ]
    found = units(ordered)
    assert list(found) == ordered
    assert found[ordered[0]] == found[ordered[1]] != found[ordered[3]]
    assert len(set(found.values())) == 3
