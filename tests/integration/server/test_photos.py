"""Photos of agents: who may change them, what they become, and where they are shown."""

import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from PIL import Image

from tests.integration.server.accounts import Account

HTML = b"<script>alert(1)</script>"


def photo(kind: str = "JPEG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (600, 300), (200, 0, 0)).save(written, kind)
    return written.getvalue()


@pytest.fixture
async def session(account: Account) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(account.url) as session:
        yield session


class Photographer:
    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        self.session = session
        self.account = account

    async def sends(self, sender: str, of: str, content: bytes, method: str = "PUT") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.account.token(sender)}"}
        path = f"/photos/{self.account.people[of].id}"
        async with self.session.request(method, path, data=content, headers=headers) as answer:
            return answer.status, None if answer.status == 204 else await answer.json()


@pytest.fixture
def photographer(session: aiohttp.ClientSession, account: Account) -> Photographer:
    return Photographer(session, account)


async def shown(account: Account) -> str | None:
    """The address of the agent's photo, as colleagues see it."""
    agents = (await (await account.connect("colleague")).do("get_presence"))["agents"]
    [agent] = [one for one in agents if one["agentId"] == str(account.people["agent"].id)]
    photo: str | None = agent.get("photo")
    return photo


async def test_photo_is_square_and_shown_to_colleagues_and_customers_without_credentials(
    photographer: Photographer, session: aiohttp.ClientSession, account: Account
) -> None:
    status, body = await photographer.sends("agent", "agent", photo())
    assert (status, await shown(account)) == (200, body["photo"])
    await (await account.connect("agent")).receives("agent_online")
    introduced = await (await account.connect("customer")).do("get_introduction")
    assert {"name": account.people["agent"].name, "photo": body["photo"]} in introduced["agents"]
    async with session.get(body["photo"]) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        assert answer.headers["Cache-Control"] == "public, max-age=86400, immutable"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert Image.open(io.BytesIO(await answer.read())).size == (128, 128)


async def test_photo_is_replaced_and_deleted_by_admins_and_the_agent_only(
    photographer: Photographer, session: aiohttp.ClientSession, account: Account, foreign: Account
) -> None:
    viewer = await account.connect("viewer")
    _, first = await photographer.sends("agent", "agent", photo())
    await viewer.receives("directory_changed", part="agents")
    status, second = await photographer.sends("admin", "agent", photo("PNG"))
    await viewer.receives("directory_changed", part="agents")
    assert (status, second["photo"] == first["photo"]) == (200, False)
    assert (await session.get(first["photo"])).status == 404
    guessed = second["photo"].replace(str(account.id), str(foreign.id))
    assert (await session.get(guessed)).status == 404
    for sender in ("colleague", "viewer", "customer"):
        assert (await photographer.sends(sender, "agent", photo()))[0] == 403
        assert (await photographer.sends(sender, "agent", b"", "DELETE"))[0] == 403
    assert (await photographer.sends("viewer", "viewer", photo()))[0] == 403
    assert (await photographer.sends("admin", "customer", photo()))[0] == 404
    assert await shown(account) == second["photo"]
    for _ in range(2):
        assert (await photographer.sends("agent", "agent", b"", "DELETE"))[0] == 204
        await viewer.receives("directory_changed", part="agents")
    assert await shown(account) is None
    rows = await account.execute(
        "SELECT details FROM audit_log WHERE account_id = %(account)s AND action = 'user.updated'"
    )
    assert rows == [({"fields": ["photo"]},)] * 3


@pytest.mark.parametrize("content", [HTML, b"", photo()[:300], photo("TIFF")], ids=["HTML", "none", "broken", "TIFF"])
async def test_what_is_no_image_is_refused_with_a_reason(photographer: Photographer, content: bytes) -> None:
    status, body = await photographer.sends("agent", "agent", content)
    assert (status, "PNG, JPEG, GIF or WebP" in body["detail"]) == (422, True)
