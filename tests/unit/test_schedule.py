"""The distribution of the tests to the test processes."""

from tests.schedule import unit


def test_unit_of_a_test_is_its_shared_folder_or_its_file() -> None:
    assert unit("tests/system/chaos/test_web.py::test_kill") == unit("tests/system/chaos/test_redis.py::test_kill")
    assert unit("tests/unit/test_one.py::test[a::b]") == unit("tests/unit/test_one.py::test_two")
    assert unit("tests/unit/test_one.py::test") != unit("tests/unit/test_other.py::test")
