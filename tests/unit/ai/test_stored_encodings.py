"""The encodings that are stored with an article are used for its very passages only."""

import numpy as np
import pytest

from hummdesk.ai.embedded import embedding, stored_encodings
from hummdesk.ai.embedded.encoder import WIDTH
from hummdesk.ai.embedded.stored_encodings import pack, unpack

PASSAGES = ("Refunds", "Refunds. A refund takes 5 days.", "\ud800 …")


def test_stored_encodings_differ_by_less_than_a_thousandth() -> None:
    encoded = embedding.normalize(np.random.default_rng(1).standard_normal((3, WIDTH))).astype(np.float32)
    restored = unpack(PASSAGES, pack(PASSAGES, encoded))
    assert restored is not None
    assert restored.dtype == np.float32
    assert np.abs(restored @ restored.T - encoded @ encoded.T).max() < 0.001


@pytest.mark.parametrize(
    "others",
    [
        (),
        PASSAGES[:2],
        (*PASSAGES, ""),
        ("Refunds", "Refunds. A refund takes 6 days.", PASSAGES[2]),
        ("RefundsRefunds. A refund takes 5 days.", "", PASSAGES[2]),
    ],
)
def test_stored_encodings_of_other_passages_are_not_used(others: tuple[str, ...]) -> None:
    assert unpack(others, pack(PASSAGES, np.zeros((3, WIDTH), dtype=np.float32))) is None


def test_stored_encodings_of_another_model_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = pack(PASSAGES, np.zeros((3, WIDTH), dtype=np.float32))
    monkeypatch.setattr(stored_encodings, "MODEL", "another")
    assert unpack(PASSAGES, stored) is None


def test_unpack_without_stored_encodings_returns_none() -> None:
    assert unpack(PASSAGES, b"") is None
