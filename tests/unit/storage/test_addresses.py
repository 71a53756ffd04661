from psycopg.conninfo import conninfo_to_dict

from hummdesk.core.config import Settings
from hummdesk.storage.addresses import HOST_SECONDS, of_primary
from hummdesk.storage.database import connection_string
from hummdesk.storage.logins import listen_url_of, migrate_url_of

OWNER = "postgresql://owner:secret@pooler:6432/desk"


def test_address_of_one_server_is_unchanged() -> None:
    assert of_primary(OWNER) == OWNER


def test_address_of_several_servers_asks_for_the_one_that_accepts_changes() -> None:
    found = conninfo_to_dict(connection_string("postgresql://u@one:1,two:2/desk", role="hummdesk_app", timeout=5))
    assert (found["host"], found["port"], found["target_session_attrs"]) == ("one,two", "1,2", "read-write")
    assert found["connect_timeout"] == str(HOST_SECONDS)
    stated = of_primary("postgresql://u@one,two/desk?target_session_attrs=primary")
    assert conninfo_to_dict(stated)["target_session_attrs"] == "primary"


def test_address_without_a_pooler_takes_the_login_of_the_process() -> None:
    settings = Settings(
        database_url=OWNER, db_web_password="own", listen_database_url="postgresql://else:where@server:5432/desk"
    )
    expected = {"host": "server", "port": "5432", "dbname": "desk"}
    assert conninfo_to_dict(migrate_url_of(settings)) == expected | {"user": "owner", "password": "secret"}
    assert conninfo_to_dict(listen_url_of(settings, "web")) == expected | {
        "user": "desk_web_login",
        "password": "own",
    }


def test_address_without_a_pooler_is_by_default_the_usual_one() -> None:
    settings = Settings(database_url=OWNER)
    assert (migrate_url_of(settings), listen_url_of(settings, "web")) == (OWNER, "")
