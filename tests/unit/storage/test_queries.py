"""The named queries of a file."""

import pytest

from hummdesk.storage.queries import load


def test_unknown_query_is_an_attribute_error() -> None:
    queries = load("routing")
    assert not hasattr(queries, "unknown")
    with pytest.raises(AttributeError, match="unknown"):
        _ = queries.unknown
    assert callable(queries.settings)
