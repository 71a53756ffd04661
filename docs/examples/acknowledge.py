"""Acknowledge each new conversation once, also after a restart: needs HUMMDESK_KEY, an API key of scope `write`."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

from hummdesk_client.rest import FeedPosition, ProblemError, RestClient

POSITION = Path("position.json")


async def acknowledge(desk: RestClient, conversation_id: str) -> None:
    try:
        await desk.send_message(
            conversation_id,
            {"as": "system", "content": "We have received your message.", "basedOnSeq": 0},
            # The same key for the same event: if the position was not stored, the message is not sent again.
            idempotency_key=f"acknowledge {conversation_id}",
        )
    except ProblemError as problem:
        if problem.code != "CONFLICT":  # an agent has answered already
            raise


async def main() -> None:
    url = os.environ.get("DESK_URL", "http://127.0.0.1:5000")
    async with RestClient(url, token=os.environ["HUMMDESK_KEY"]) as desk:
        start = FeedPosition(**json.loads(POSITION.read_text())) if POSITION.exists() else await desk.feed_position()
        print(f"after number {start.number}", flush=True)
        async for event, position in desk.feed(start):
            if event["type"] == "conversation_created":
                await acknowledge(desk, event["subjectId"])
            POSITION.write_text(json.dumps(asdict(position)))


asyncio.run(main())
