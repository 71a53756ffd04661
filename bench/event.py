"""The one event that every server fans out: 331 bytes on the wire."""

import json

from bench.sockets import server_frame

NAME = "new_message"
PAYLOAD = {
    "messageId": "0199d1c5-8f2e-7c41-9d53-5a2f0c7e1b44",
    "conversationId": "0199d1c5-1b7a-7e02-8c11-f03d9be6a7d5",
    "seq": 42,
    "senderType": "customer",
    "senderName": "Ada Lovelace",
    "content": "Hello, the parcel has not arrived yet. Where is it?",
    "contentType": "text",
    "private": False,
    "timestamp": "2025-01-01T12:00:00.000Z",
}
JSON = json.dumps([NAME, PAYLOAD], separators=(",", ":"))
PACKET = b"42" + JSON.encode()
"""The packet of Socket.IO. Servers without Socket.IO send the same bytes."""
FRAME = server_frame(PACKET)
