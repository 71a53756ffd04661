"""Client of the socket. It needs the extra `socket`: `pip install hummdesk-client[socket]`."""

from hummdesk_client.errors import NoResponseError, RequestError
from hummdesk_client.socket.client import DeskClient

__all__ = ["DeskClient", "NoResponseError", "RequestError"]
