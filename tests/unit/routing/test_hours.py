"""Business hours across time zones, changes of the clocks, holidays and midnights."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hummdesk.contract.resources.hours import NewHours
from hummdesk.core.errors import Invalid
from hummdesk.routing.calendars import require_calendar
from hummdesk.routing.hours import Opening, is_open, opening
from hummdesk.storage.hours import BusinessHours

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def hours(*intervals: str, zone: str = "Europe/Berlin", **more: Any) -> BusinessHours:
    """The hours of intervals like `monday 09:00-17:00`."""
    weekly = []
    for interval in intervals:
        day, _, times = interval.partition(" ")
        opens, _, closes = times.partition("-")
        weekly.append({"day": day, "opens": opens, "closes": closes})
    return BusinessHours.of(NewHours().load({"timeZone": zone, "weekly": weekly} | more))


def office(zone: str = "Europe/Berlin", **more: Any) -> BusinessHours:
    return hours(*(f"{day} 09:00-17:00" for day in WEEKDAYS), zone=zone, **more)


def local(text: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_until(at: datetime) -> Opening:
    return Opening(is_open=True, changes_at=at)


def closed_until(at: datetime | None) -> Opening:
    return Opening(is_open=False, changes_at=at)


def changes(of: BusinessHours, start: datetime, end: datetime) -> list[datetime]:
    """The times at which the state changes, as the relay follows them."""
    found, at = [], start
    while (change := opening(of, at).changes_at) is not None and change < end:
        assert is_open(of, change) != is_open(of, change - timedelta(microseconds=1))
        found.append(change)
        at = change
    return found


def test_office_is_open_on_weekdays_between_its_hours() -> None:
    of = office()
    assert opening(of, local("2026-11-30T09:00")) == open_until(local("2026-11-30T17:00"))
    assert opening(of, local("2026-11-30T17:00")) == closed_until(local("2026-12-01T09:00"))
    assert opening(of, local("2026-11-27T18:00")) == closed_until(local("2026-11-30T09:00"))


def test_disabled_hours_are_always_open() -> None:
    of = office(enabled=False)
    assert opening(of, local("2026-11-29T03:00")) == Opening(is_open=True, changes_at=None)
    assert is_open(of, local("2026-11-29T03:00"))


def test_hours_without_intervals_are_never_open() -> None:
    assert opening(hours(), local("2026-11-29T03:00")) == closed_until(None)


def test_hours_around_the_clock_never_close_but_on_holidays() -> None:
    every_day = [f"{day} 00:00-24:00" for day in (*WEEKDAYS, "saturday", "sunday")]
    assert opening(hours(*every_day), local("2026-03-28T12:00")) == Opening(is_open=True, changes_at=None)
    with_holidays = hours(*every_day, country="DE")
    assert opening(with_holidays, local("2026-11-01T12:00")) == open_until(local("2026-12-25T00:00"))
    assert opening(with_holidays, local("2026-12-25T12:00")) == closed_until(local("2026-12-27T00:00"))


def test_holidays_of_the_subdivision_are_closed() -> None:
    epiphany = local("2026-01-06T10:00")  # a Tuesday; a holiday in Baden-Württemberg, not in Berlin
    assert not is_open(office(country="DE", subdivision="BW"), epiphany)
    assert is_open(office(country="DE", subdivision="BE"), epiphany)
    assert is_open(office(country="DE"), epiphany)
    assert not is_open(office("America/New_York", country="US"), local("2026-11-26T10:00", "America/New_York"))


def test_holidays_of_the_next_year_are_known() -> None:
    assert opening(office(country="DE"), local("2026-12-31T17:00")) == closed_until(local("2027-01-04T09:00"))


def test_closed_date_removes_its_intervals_past_midnight_too() -> None:
    of = hours("thursday 20:00-02:00", "friday 20:00-02:00", closedDates=["2026-11-27"])
    assert opening(of, local("2026-11-26T21:00")) == open_until(local("2026-11-27T02:00"))
    assert not is_open(of, local("2026-11-27T21:00"))
    assert not is_open(of, local("2026-11-28T01:00"))


def test_interval_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    of = hours("sunday 22:00-06:00")
    assert opening(of, local("2026-11-30T05:59")) == open_until(local("2026-11-30T06:00"))
    assert not is_open(of, local("2026-11-29T05:00"))


def test_interval_of_24_hours_is_open_until_its_beginning() -> None:
    of = hours("saturday 12:00-12:00")
    assert opening(of, local("2026-11-28T12:00")) == open_until(local("2026-11-29T12:00"))


def test_intervals_that_touch_are_one() -> None:
    of = hours("monday 09:00-12:00", "monday 12:00-15:00", "monday 20:00-24:00", "tuesday 00:00-01:00")
    assert opening(of, local("2026-11-30T10:00")) == open_until(local("2026-11-30T15:00"))
    assert opening(of, local("2026-11-30T21:00")) == open_until(local("2026-12-01T01:00"))


def test_leap_day_is_a_day_as_any_other() -> None:
    of = office()  # 29 February 2028 is a Tuesday
    assert opening(of, local("2028-02-29T12:00")) == open_until(local("2028-02-29T17:00"))
    assert opening(of, local("2028-02-28T18:00")) == closed_until(local("2028-02-29T09:00"))
    assert not is_open(office(closedDates=["2028-02-29"]), local("2028-02-29T12:00"))


@pytest.mark.parametrize(
    ("zone", "before", "after", "shift"),
    [
        ("Europe/Berlin", "2026-03-27", "2026-03-30", -60),
        ("Europe/Berlin", "2026-10-23", "2026-10-26", 60),
        ("America/New_York", "2026-03-06", "2026-03-09", -60),
        ("America/New_York", "2026-10-30", "2026-11-02", 60),
        ("Australia/Lord_Howe", "2026-10-02", "2026-10-05", -30),
        ("Australia/Lord_Howe", "2026-04-03", "2026-04-06", 30),
    ],
)
def test_office_hours_stay_in_local_time_when_the_clocks_change(zone: str, before: str, after: str, shift: int) -> None:
    of = office(zone)
    friday, monday = (local(f"{day}T09:00", zone) for day in (before, after))
    assert changes(of, friday, monday + timedelta(hours=9)) == [
        local(f"{before}T17:00", zone),
        monday,
        local(f"{after}T17:00", zone),
    ]
    assert monday - friday == timedelta(days=3, minutes=shift)


@pytest.mark.parametrize(
    ("zone", "interval", "expected"),
    [
        # the clocks skip 02:00 to 03:00
        ("Europe/Berlin", "sunday 02:30-04:00", ("2026-03-29T01:30", "2026-03-29T02:00")),
        ("Europe/Berlin", "sunday 01:00-02:30", ("2026-03-29T00:00", "2026-03-29T01:30")),
        ("America/New_York", "sunday 02:15-02:45", ("2026-03-08T07:15", "2026-03-08T07:45")),
        # they skip 02:00 to 02:30
        ("Australia/Lord_Howe", "sunday 02:10-04:00", ("2026-10-03T15:40", "2026-10-03T17:00")),
        # they show 02:00 to 03:00, and 01:00 to 02:00, twice
        ("Europe/Berlin", "sunday 02:30-04:00", ("2026-10-25T00:30", "2026-10-25T03:00")),
        ("Europe/Berlin", "sunday 01:00-02:30", ("2026-10-24T23:00", "2026-10-25T01:30")),
        ("America/New_York", "sunday 01:30-01:45", ("2026-11-01T05:30", "2026-11-01T06:45")),
        # they show 01:30 to 02:00 twice
        ("Australia/Lord_Howe", "sunday 01:45-03:00", ("2026-04-04T14:45", "2026-04-04T16:30")),
        ("Australia/Lord_Howe", "saturday 22:00-01:45", ("2026-04-04T11:00", "2026-04-04T15:15")),
    ],
)
def test_interval_in_the_hour_of_the_change_has_one_opening_and_one_closing(
    zone: str, interval: str, expected: tuple[str, str]
) -> None:
    start = utc(expected[0]) - timedelta(hours=12)
    assert changes(hours(interval, zone=zone), start, start + timedelta(days=2)) == [utc(one) for one in expected]


def test_interval_that_the_clocks_skip_leaves_the_next_one_whole() -> None:
    of = hours("sunday 02:30-03:00", "sunday 03:00-05:00")
    start = utc("2026-03-28T12:00")
    assert changes(of, start, start + timedelta(days=1)) == [utc("2026-03-29T01:00"), utc("2026-03-29T03:00")]


@pytest.mark.parametrize(
    ("weekly", "fault"),
    [
        (["monday 25:00-26:00"], "opens"),
        (["monday 24:00-24:00"], "opens"),
        (["monday 09:00-17:60"], "closes"),
        (["someday 09:00-17:00"], "day"),
        (["monday 9-17"], "opens"),
        (["monday 09:00-12:00", "monday 11:59-13:00"], "monday 09:00–12:00 and monday 11:59–13:00"),
        (["monday 09:00-12:00", "monday 09:00-12:00"], "Must not overlap"),
        (["sunday 20:00-02:00", "monday 01:00-05:00"], "sunday 20:00–02:00 and monday 01:00–05:00"),
        (["monday 09:00-17:00"] * 51, "at most 50"),
    ],
)
def test_invalid_intervals_are_named(weekly: list[str], fault: str) -> None:
    named = [dict(zip(("day", "opens", "closes"), one.replace(" ", "-").split("-"), strict=True)) for one in weekly]
    assert fault in str(NewHours().validate({"timeZone": "UTC", "weekly": named}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("closedDates", ["2026-02-29"]),
        ("closedDates", ["20261224"]),
        ("closedDates", [20261224]),
        ("country", "Germany"),
        ("outside", "refuse"),
        ("texts", {"fr": "Fermé"}),
        ("texts", {"en": ""}),
        ("timeZone", None),
    ],
)
def test_invalid_value_is_refused_under_its_field(field: str, value: object) -> None:
    assert list(NewHours().validate({"timeZone": "UTC", "weekly": [], field: value})) == [field]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"zone": "Europe/Bärlin"}, "timeZone"),
        ({"zone": "../etc/passwd"}, "timeZone"),
        ({"zone": "posixrules"}, "timeZone"),
        ({"country": "ZZ"}, "country"),
        ({"country": "DE", "subdivision": "XX"}, "subdivision"),
        ({"subdivision": "BW"}, "subdivision"),
    ],
)
def test_unknown_zone_and_country_are_refused_under_their_field(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_calendar(hours(**more))
    assert list(refused.value.details or {}) == [field]


def test_stored_hours_are_read_as_they_were_written() -> None:
    of = office(country="DE", subdivision="BW", closedDates=["2026-12-24"], texts={"de": "Bis morgen!"})
    assert BusinessHours.of(NewHours().load(of.wire())) == of
    assert of.closed_dates == (date(2026, 12, 24),)
