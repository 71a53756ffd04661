import psycopg
import pytest

from hummdesk.core.config import Settings
from hummdesk.storage.database import connection_string
from hummdesk.storage.logins import url_of
from hummdesk.storage.role import opening

URLS = [
    "postgresql://me:secret@db.example.com:5433/desk?sslmode=require",
    "postgresql://me@/desk?host=%2Frun%2Fpostgresql&port=5433",
    "postgres:///desk?host=/run/postgresql&options=-c%20work_mem%3D8MB",
]


@pytest.mark.parametrize("url", URLS)
def test_connection_string_keeps_the_url_and_adds_no_start_up_options(url: str) -> None:
    given = psycopg.conninfo.conninfo_to_dict(url)
    made = psycopg.conninfo.conninfo_to_dict(connection_string(url, role="hummdesk_app", timeout=2.5))
    assert {name: made.get(name) for name in {**given, "options": None}} == {"options": None, **given}


def test_opening_sets_role_and_timeouts_for_the_transaction_only() -> None:
    made = opening("hummdesk_app", timeout=2.5, settings={"jit": "off"}, parameters=("app.account_id",)).decode()
    assert made == (
        "SELECT set_config('role', 'hummdesk_app', true), set_config('statement_timeout', '2500', true), "
        "set_config('lock_timeout', '2500', true), set_config('jit', 'off', true), "
        "set_config('app.account_id', %s, true)"
    )


def test_opening_reads_which_transactions_have_written_if_asked_to() -> None:
    made = opening("hummdesk_relay", timeout=1, settings={}, parameters=(), reads_written=True).decode()
    assert made.endswith(", pg_current_snapshot()::text AS written")


@pytest.mark.parametrize("url", URLS)
def test_url_of_a_process_with_a_password_has_its_own_login(url: str) -> None:
    settings = Settings(database_url=url, db_web_password="it's")
    given, made = map(psycopg.conninfo.conninfo_to_dict, (url, url_of(settings, "web")))
    assert made == {**given, "user": "desk_web_login", "password": "it's"}
    assert url_of(settings, "relay") == url
