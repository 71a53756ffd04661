import psycopg
import pytest

from hummdesk.storage.database import connection_string


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db.example.com:5433/desk?sslmode=require",
        "postgresql://me@/desk?host=%2Frun%2Fpostgresql&port=5433",
        "postgres:///desk?host=/run/postgresql",
    ],
)
def test_connection_string_keeps_the_url_and_adds_the_role(url: str) -> None:
    given = psycopg.conninfo.conninfo_to_dict(url)
    made = psycopg.conninfo.conninfo_to_dict(connection_string(url, role="hummdesk_app", timeout=2.5))
    assert {name: made[name] for name in given} == given
    assert made["options"] == "-c role=hummdesk_app -c statement_timeout=2500 -c lock_timeout=2500 -c timezone=UTC"


def test_connection_string_keeps_the_options_of_the_url() -> None:
    made = connection_string("postgresql://h/d?options=-c%20work_mem%3D8MB", role="hummdesk_relay", timeout=1)
    options = psycopg.conninfo.conninfo_to_dict(made)["options"]
    assert str(options).startswith("-c work_mem=8MB -c role=hummdesk_relay ")
