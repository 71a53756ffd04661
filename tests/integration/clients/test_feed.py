"""The feed of the Python client, with a real web process."""

from hummdesk_client.rest import RestClient

from tests.integration.server.accounts import Account


async def test_feed_has_every_change_and_continues_from_a_position(account: Account) -> None:
    async with RestClient(account.url, token=account.token("admin")) as admin:
        start = await admin.feed_position()
        user = await admin.create_user({"email": "grace@acme.example", "name": "Grace", "role": "agent"})
        await admin.update_user(user["id"], {"name": "Grace Hopper"})
        created, position = await anext(admin.feed(start))
        assert (created["type"], created["subjectId"]) == ("user_created", user["id"])
        updated, _ = await anext(admin.feed(position, wait=5))
        assert (updated["type"], updated["data"]["name"]) == ("user_updated", "Grace Hopper")
        async for _, found in admin.feed():
            if found.number == position.number:
                assert found == position
                break
