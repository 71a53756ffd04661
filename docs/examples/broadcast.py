"""Send an event to all staff of an account, and print who is online: `python broadcast.py ACCOUNT_ID`."""

import asyncio
import sys
from uuid import UUID

from hummdesk.publish.broadcast import get_broadcast_service


async def main(account_id: UUID) -> None:
    service = get_broadcast_service()
    try:
        await service.broadcast_to_account(account_id, "maintenance", {"inMinutes": 10})
        for agent_id, status in (await service.get_online_agents(account_id)).items():
            print(f"{agent_id} is {status}")
    finally:
        await service.close()


asyncio.run(main(UUID(sys.argv[1])))
