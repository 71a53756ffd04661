from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hummdesk.core.errors import Invalid
from hummdesk.core.ids import new_id
from hummdesk.storage import page_cursor


def test_decode_of_an_encoded_position_returns_it_to_the_microsecond() -> None:
    moment, row_id = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), new_id()
    assert page_cursor.decode(page_cursor.encode(moment, row_id)) == (moment, row_id)


def test_encode_of_equal_times_in_two_zones_is_equal() -> None:
    moment, row_id = datetime(2026, 3, 1, tzinfo=UTC), new_id()
    local = moment.astimezone(timezone(timedelta(hours=5)))
    assert page_cursor.encode(moment, row_id) == page_cursor.encode(local, row_id)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "AAAA", urlsafe_b64encode(b"\xff" * 24).decode(), urlsafe_b64encode(b"\0" * 40).decode()],
)
def test_decode_of_an_invalid_cursor_raises_invalid(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        page_cursor.decode(cursor)
    assert refused.value.details == {"cursor": ["Not a cursor of this list."]}
