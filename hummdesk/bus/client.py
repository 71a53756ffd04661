"""The connection to Redis for each form of address."""

from functools import partial

from hummdesk.bus.cluster_connection import ClusterConnection
from hummdesk.bus.dialing import dial, dial_master
from hummdesk.bus.link import ProtocolLink
from hummdesk.bus.own_connection import COMMAND_SECONDS, Connection, OwnConnection
from hummdesk.core.redis_address import RedisAddress


def connect(url: str, *, timeout: float = COMMAND_SECONDS) -> Connection:
    """Return a connection that is opened with its first request, and whose attempts fail within `timeout` seconds."""
    address = RedisAddress.parse(url)
    if address.topology == "cluster":
        return ClusterConnection(address, timeout=timeout)
    dial_one = partial(dial_master if address.topology == "sentinel" else dial, address)
    return OwnConnection(partial(ProtocolLink.open, dial_one), timeout=timeout)
