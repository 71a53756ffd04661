import pytest

from hummdesk.bus import checks, cluster_connection, dialing, shared_limits

PATIENCE_SECONDS = 20.0


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stands still for some seconds, as on a busy machine, does not count as one that has failed."""
    monkeypatch.setattr(checks, "CHECK_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(cluster_connection, "DIAL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(dialing, "SENTINEL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", PATIENCE_SECONDS)
