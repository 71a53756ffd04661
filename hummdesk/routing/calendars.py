"""Public holidays by country and subdivision, from the package `holidays`, and which time zones there are.

The package is imported on first use: it takes a tenth of a second, and most processes never need it.
"""

from datetime import date
from functools import cache, lru_cache
from zoneinfo import available_timezones

from hummdesk.core.errors import Invalid
from hummdesk.storage.hours import BusinessHours


@lru_cache(maxsize=1024)
def holidays_of(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of a year; none for a country or subdivision that the package does not know any more."""
    from holidays import country_holidays

    try:
        return frozenset(country_holidays(country, subdiv=subdivision, years=year))
    except NotImplementedError:
        return frozenset()


@cache
def countries() -> dict[str, list[str]]:
    """The known countries, in ISO 3166, with their subdivisions."""
    from holidays import list_supported_countries

    found: dict[str, list[str]] = list_supported_countries(include_aliases=False)
    return {country: subdivisions for country, subdivisions in found.items() if len(country) == 2}


def require_calendar(hours: BusinessHours) -> None:
    """Raise Invalid unless time zone, country and subdivision are known. It may take a fifth of a second."""
    if hours.time_zone not in available_timezones():
        raise Invalid(details={"timeZone": ["Must be a time zone like Europe/Berlin."]})
    if hours.country is None:
        if hours.subdivision is not None:
            raise Invalid(details={"subdivision": ["Needs a country."]})
        return
    known = countries().get(hours.country)
    if known is None:
        raise Invalid(details={"country": ["Must be a country like DE whose holidays are known."]})
    if hours.subdivision is not None and hours.subdivision not in known:
        choices = f"one of {', '.join(known)}" if known else "left out, since this country has none"
        raise Invalid(details={"subdivision": [f"Must be {choices}."]})
