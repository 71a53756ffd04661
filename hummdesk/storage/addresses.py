"""Addresses of PostgreSQL that name several servers, of which one is the primary."""

from psycopg.conninfo import conninfo_to_dict, make_conninfo

HOST_SECONDS = 2
"""Longest attempt to connect to one of several servers: the next one may be the primary."""


def of_primary(url: str) -> str:
    """Return a URL whose servers are tried in turn until one accepts changes, if it names several."""
    given = conninfo_to_dict(url)
    if "," not in str(given.get("host") or given.get("hostaddr") or ""):
        return url
    attributes = given.get("target_session_attrs", "read-write")
    return make_conninfo(url, target_session_attrs=attributes, connect_timeout=HOST_SECONDS)
