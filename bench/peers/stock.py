"""python-socketio on Sanic with python-engineio's own driver and AsyncRedisManager, as documented.

A client with a token is authenticated by the functions of HummDesk: a JSON Web Token, then the user in PostgreSQL.
"""

import json
import os
from typing import Any

import socketio
from sanic import Sanic

from hummdesk.core import config, tokens
from hummdesk.storage import people
from hummdesk.storage.database import Database

ROOM = "all"
EVENT, PAYLOAD = json.loads(os.environ["EVENT"])

settings = config.read(os.environ)
app: Sanic[Any, Any] = Sanic("stock", configure_logging=False)
server = socketio.AsyncServer(async_mode="sanic", client_manager=socketio.AsyncRedisManager(settings.redis))
server.attach(app)
database = Database(settings.postgres, role="hummdesk_app", size=settings.db_pool_size, timeout=5)


@app.before_server_start
async def start(_: Sanic[Any, Any]) -> None:
    await database.open()


async def connect(sid: str, _: dict[str, Any], auth: dict[str, str] | None = None) -> None:
    await server.enter_room(sid, ROOM)
    if auth is not None:
        claims = tokens.verify(settings, auth["token"])
        async with database.account(claims.account_id) as tx:
            person = await people.find_person(tx, person_id=claims.user_id, customer=claims.role == "customer")
        if person is None:
            raise socketio.exceptions.ConnectionRefusedError
        await server.save_session(sid, {"person": person})
        await server.enter_room(sid, f"account:{person.account_id}")
        await server.emit("authenticated", person.wire(), to=sid)


async def publish(_: str, count: int) -> None:
    for _repeat in range(count):
        await server.emit(EVENT, PAYLOAD, room=ROOM)


server.event(connect)
server.event(publish)

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=settings.port, single_process=True, access_log=False, motd=False)
