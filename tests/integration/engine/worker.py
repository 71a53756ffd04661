"""One of several worker processes on one port: `python -m tests.integration.engine.worker PORT DIRECTORY`."""

import os
import socket
import sys
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, text

from hummdesk.engine import SocketIOServer


def main(port: int, directory: str) -> None:
    server = SocketIOServer(handover_directory=directory, ping_interval=25, ping_timeout=20, cors_allowed_origins="*")
    app: Sanic[Any, Any] = Sanic("worker", configure_logging=False)

    async def whoami(sid: str, data: Any) -> tuple[int, Any]:
        return os.getpid(), data

    server.on("whoami", whoami)

    @app.get("/pid")
    async def pid(_: Request[Any, Any]) -> HTTPResponse:
        return text(str(os.getpid()))

    server.attach(app)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 2.0
    app.run(sock=listener, single_process=True, motd=False, access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
