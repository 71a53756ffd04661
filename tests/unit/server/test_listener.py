import resource

import pytest

from hummdesk.server import listener


@pytest.mark.parametrize(
    ("soft", "capacity"),
    [(1024, 1024 - listener.RESERVED_DESCRIPTORS), (100, 1), (resource.RLIM_INFINITY, 0)],
)
def test_descriptor_capacity_leaves_descriptors_for_other_files(
    soft: int, capacity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
    assert listener.descriptor_capacity() == capacity


def test_descriptor_limit_is_raised_to_what_the_system_permits(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: changed.append(limits))
    listener.raise_descriptor_limit()
    assert changed == [(4096, 4096)]
