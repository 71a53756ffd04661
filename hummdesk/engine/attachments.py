"""Binary packets: each is kept until its last attachment has arrived."""

from collections.abc import Callable
from functools import partial

from socketio import packet

from hummdesk.engine.budget import Buffers
from hummdesk.engine.observer import CloseReason
from hummdesk.engine.packet import DECODING_ERRORS, MalformedPacket, OversizedPacket


class IncompletePacket:
    """A packet whose attachments have not all arrived. It is kept encoded: decoded it could have 20 times the size."""

    buffered_bytes = 0

    def __init__(self, encoded: str, decoded: packet.Packet, end: Callable[[CloseReason], None]) -> None:
        """`end` closes the session; it is called if all incomplete packets together exceed their limit."""
        self.end = end
        self.received_bytes = len(encoded)
        self._encoded = encoded
        self._packet_class = type(decoded)
        self._missing = decoded.attachment_count
        self._attachments: list[bytes] = []

    def add(self, attachment: str | bytes, *, max_bytes: int) -> packet.Packet | None:
        """Add an attachment; return the packet if it was the last. Raises MalformedPacket."""
        if not isinstance(attachment, bytes):
            raise MalformedPacket
        self.received_bytes += len(attachment)
        if self.received_bytes > max_bytes:
            raise OversizedPacket
        self._attachments.append(attachment)
        return self._complete() if len(self._attachments) == self._missing else None

    def _complete(self) -> packet.Packet:
        try:
            decoded = self._packet_class(encoded_packet=self._encoded)
            for attachment in self._attachments:
                decoded.add_attachment(attachment)
        except DECODING_ERRORS as error:  # a placeholder without its attachment
            raise MalformedPacket from error
        return decoded


class IncompletePackets:
    """The incomplete packets of all sessions, by Engine.IO sid. They count against the limit of received bytes."""

    def __init__(self, buffers: Buffers, end_session: Callable[[str, CloseReason], None], *, max_bytes: int) -> None:
        """`max_bytes`: the limit of one packet with its attachments."""
        self._buffers = buffers
        self._end_session = end_session
        self._max_bytes = max_bytes
        self._packets: dict[str, IncompletePacket] = {}

    def __len__(self) -> int:
        return len(self._packets)

    def __contains__(self, eio_sid: str) -> bool:
        return eio_sid in self._packets

    def begin(self, eio_sid: str, encoded: str, decoded: packet.Packet) -> None:
        """Keep a packet that has announced attachments."""
        self._keep(eio_sid, IncompletePacket(encoded, decoded, partial(self._evict, eio_sid)))

    def add(self, eio_sid: str, attachment: str | bytes) -> packet.Packet | None:
        """Add an attachment; return the packet if it was the last. Raises MalformedPacket."""
        incomplete = self._packets[eio_sid]
        complete = incomplete.add(attachment, max_bytes=self._max_bytes)
        if complete is None:
            self._keep(eio_sid, incomplete)
        else:
            self.drop(eio_sid)
        return complete

    def drop(self, eio_sid: str | None) -> None:
        """Forget the packet of a session, if it has one."""
        if eio_sid in self._packets:
            self._buffers.received.discard(self._packets.pop(eio_sid))

    def _keep(self, eio_sid: str, incomplete: IncompletePacket) -> None:
        self._packets[eio_sid] = incomplete
        self._buffers.received.set(incomplete, incomplete.received_bytes)

    def _evict(self, eio_sid: str, reason: CloseReason) -> None:
        self.drop(eio_sid)
        self._end_session(eio_sid, reason)
