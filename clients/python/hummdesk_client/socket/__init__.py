"""Client of the socket. It needs the extra `socket`: `pip install hummdesk-client[socket]`."""

from hummdesk_client.errors import NoResponseError, RequestError
from hummdesk_client.socket.client import DeskClient
from hummdesk_client.socket.unread import UnreadCounts

__all__ = ["DeskClient", "NoResponseError", "RequestError", "UnreadCounts"]
