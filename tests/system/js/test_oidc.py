"""Sign-in at a real OpenID Connect provider: npm's oidc-provider."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from yarl import URL

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.oidc import CALLBACK, redirect_uri
from hummdesk.operator import oidc as commands
from hummdesk.server.http import oidc as routes
from hummdesk.server.http.staff_sessions import COOKIE
from hummdesk.storage.oidc import Grant
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.system.js.identity_provider import IdentityProvider, identity_provider

PUBLIC = "http://desk.example"
ENCRYPTION_KEY = "a key of the tests with at least 32 bytes"


@dataclass
class Desk:
    """A web process, and an account whose staff sign in at the provider."""

    account: Account
    provider: IdentityProvider


@pytest.fixture(scope="module")
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    ours = replace(settings, public_url=PUBLIC, encryption_keys=ENCRYPTION_KEY, rate_limit_sign_ins_per_minute=0)
    async with running(ours, name="oidc") as (url, _):
        account = await Account(settings=ours, url=url).make()
        async with identity_provider(ours, account.id) as provider:
            yield Desk(account, provider)
        await account.close()


class Browser:
    """A browser that follows redirects, and signs in at the provider by its form."""

    def __init__(self, desk: Desk, session: aiohttp.ClientSession) -> None:
        self.desk = desk
        self.session = session

    async def begin(self, *, status: int = 200) -> str:
        """Return the address at the provider to which the sign-in page leads."""
        body, headers = {"account": str(self.desk.account.id)}, {"Origin": PUBLIC}
        async with self.session.post(f"{self.desk.account.url}/session/oidc", json=body, headers=headers) as answer:
            said = await answer.json()
            assert answer.status == status, said
        return str(said.get("url"))

    async def authorize(self, url: str, subject: str) -> str:
        """Return the address at which the provider sends the browser back, after a sign-in there."""
        self.session.cookie_jar.clear(lambda cookie: not cookie.key.startswith("hummdesk"))
        async with self.session.get(url) as page:
            form = await page.text()
            action = re.search(r'action="([^"]+)"', form)
        assert action, form
        location = urljoined(url, action[1])
        data = {"prompt": "login", "login": subject, "password": "x"}
        async with self.session.post(location, data=data, allow_redirects=False) as answer:
            location = urljoined(location, answer.headers["Location"])
        while not location.startswith(PUBLIC):
            async with self.session.get(location, allow_redirects=False) as answer:
                location = urljoined(location, answer.headers["Location"])
        return location

    async def comes_back(self, location: str) -> str:
        """Return the address to which the callback leads."""
        parts = urlsplit(location)
        url = URL(f"{self.desk.account.url}{parts.path}?{parts.query}", encoded=True)
        async with self.session.get(url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Referrer-Policy"]) == (303, "no-referrer")
            return answer.headers["Location"]

    async def signs_in(self, subject: str) -> tokens.Claims:
        location = await self.comes_back(await self.authorize(await self.begin(), subject))
        assert location == "/"
        headers = {"Origin": PUBLIC}
        async with self.session.post(f"{self.desk.account.url}/session/token", json={}, headers=headers) as answer:
            return tokens.verify(self.desk.account.settings, (await answer.json())["token"])

    async def is_refused(self, subject: str) -> str:
        self.session.cookie_jar.clear()
        location = await self.comes_back(await self.authorize(await self.begin(), subject))
        assert not any(cookie.key == COOKIE for cookie in self.session.cookie_jar)
        return parse_qs(urlsplit(location).query)["refused"][0]


def urljoined(base: str, location: str) -> str:
    return str(URL(base).join(URL(location, encoded=True)))


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(desk, session)


@pytest.fixture
def agent(desk: Desk) -> Any:
    return desk.account.people["agent"]


async def test_user_signs_in_and_is_known_by_subject_afterwards(desk: Desk, browser: Browser, agent: Any) -> None:
    await desk.provider.configure()
    await desk.provider.set_user("ada", email=agent.email.upper(), email_verified=True)
    claims = await browser.signs_in("ada")
    assert (claims.user_id, claims.role) == (agent.id, "agent")
    await desk.provider.set_user("ada", email="renamed@example.com", email_verified=True)
    assert (await browser.signs_in("ada")).user_id == agent.id
    await desk.provider.set_user("eve", email=agent.email, email_verified=True)
    assert await browser.is_refused("eve") == "linked", "the address was given to another person"
    await commands.unlink(desk.account.settings, desk.account.id, agent.email)
    assert (await browser.signs_in("eve")).user_id == agent.id
    await commands.unlink(desk.account.settings, desk.account.id, agent.email)


async def test_key_rotation_at_the_provider_is_followed(desk: Desk, browser: Browser, agent: Any) -> None:
    await desk.provider.configure()
    await desk.provider.set_user("ada", email=agent.email, email_verified=True)
    await browser.signs_in("ada")
    await desk.provider.rotate_key()
    assert (await browser.signs_in("ada")).user_id == agent.id


async def test_claims_in_the_user_info_are_read(desk: Desk, browser: Browser, agent: Any) -> None:
    scopes = ("openid", "email", "groups")
    await desk.provider.configure(groups={"leads": Grant(role="agent", team_ids=())}, scopes=scopes)
    await desk.provider.set_user("ada", email=agent.email, email_verified=True, groups=["leads"])
    await desk.provider.move_claims(to_user_info=True)
    assert (await browser.signs_in("ada")).user_id == agent.id
    await desk.provider.set_user("ada", email=agent.email, email_verified=True, groups=[])
    assert await browser.is_refused("ada") == "groups"
    await desk.provider.move_claims(to_user_info=False)


async def test_answer_is_accepted_once_and_only_by_the_browser_that_asked(
    desk: Desk, browser: Browser, agent: Any
) -> None:
    await desk.provider.configure()
    await desk.provider.set_user("ada", email=agent.email, email_verified=True)
    location = await browser.authorize(await browser.begin(), "ada")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        other = Browser(desk, session)
        assert await other.comes_back(location) == "/sign-in?refused=state"
        await other.begin()
        assert await other.comes_back(location) == "/sign-in?refused=state", "the state of another attempt"
    cookie = next(one.value for one in browser.session.cookie_jar if one.key == routes.COOKIE)
    assert await browser.comes_back(location) == "/"
    assert await browser.comes_back(location) == "/sign-in?refused=state", "the attempt is over"
    browser.session.cookie_jar.update_cookies({routes.COOKIE: cookie}, URL(f"{desk.account.url}{CALLBACK}/"))
    assert await browser.comes_back(location) == "/sign-in?refused=provider", "the code was used"


async def test_groups_decide_role_and_teams_at_each_sign_in(desk: Desk, browser: Browser, agent: Any) -> None:
    account = desk.account
    [(own,)] = await account.execute(
        "INSERT INTO teams (account_id, id, name) VALUES (%(account)s, gen_random_uuid(), 'Own') RETURNING id"
    )
    await account.execute("INSERT INTO team_members VALUES (%(account)s, %(team)s, %(user)s)", team=own, user=agent.id)
    groups = {
        "support": Grant(role="agent", team_ids=(account.team,)),
        "leads": Grant(role="admin", team_ids=()),
        "guests": Grant(role="viewer", team_ids=()),
    }
    await desk.provider.configure(groups=groups, scopes=("openid", "email", "groups"))
    expected: list[tuple[list[str], str, set[Any]]] = [
        (["guests"], "viewer", {own}),
        (["guests", "support", "unknown"], "agent", {own, account.team}),
        (["support", "leads"], "admin", {own, account.team}),
        (["leads"], "admin", {own}),
    ]
    for names, role, teams in expected:
        await desk.provider.set_user("ada", email=agent.email, email_verified=True, groups=names)
        assert (await browser.signs_in("ada")).role == role
        rows = await account.execute("SELECT team_id FROM team_members WHERE user_id = %(id)s", id=agent.id)
        assert {team for (team,) in rows} == teams
    for without in ([], ["unknown"], None):
        await desk.provider.set_user("ada", email=agent.email, email_verified=True, groups=without)
        assert await browser.is_refused("ada") == "groups"
    await account.execute("UPDATE users SET role = 'agent' WHERE id = %(id)s", id=agent.id)


async def test_new_users_are_created_only_if_the_account_wants_it(desk: Desk, browser: Browser) -> None:
    await desk.provider.configure()
    await desk.provider.set_user("new", email="new@acme.example", email_verified=True, name="New Person")
    assert await browser.is_refused("new") == "unknown"
    await desk.provider.configure(creates_users=True, default_role="viewer", email_domains=("other.example",))
    assert await browser.is_refused("new") == "domain"
    await desk.provider.configure(creates_users=True, default_role="viewer", email_domains=("acme.example",))
    claims = await browser.signs_in("new")
    assert (claims.role, claims.email) == ("viewer", "new@acme.example")
    assert await desk.account.execute("SELECT name FROM users WHERE id = %(id)s", id=claims.user_id) == [
        ("New Person",)
    ]


@pytest.mark.parametrize("verified", [False, None])
async def test_email_that_the_provider_has_not_verified_names_nobody(
    desk: Desk, browser: Browser, verified: bool | None
) -> None:
    await desk.provider.configure()
    admin = desk.account.people["admin"]
    await desk.provider.set_user(
        "mallory", email=admin.email, **({} if verified is None else {"email_verified": verified})
    )
    assert await browser.is_refused("mallory") == "email"


async def test_disabled_user_stays_out(desk: Desk, browser: Browser) -> None:
    await desk.provider.configure()
    viewer = desk.account.people["viewer"]
    await desk.provider.set_user("vic", email=viewer.email, email_verified=True)
    await browser.signs_in("vic")
    await desk.account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=viewer.id)
    assert await browser.is_refused("vic") == "disabled"


async def test_wrong_client_and_issuer_are_refused(desk: Desk, browser: Browser) -> None:
    await desk.provider.configure(issuer=f"{desk.provider.issuer}/")
    await browser.begin(status=503)
    await desk.provider.configure(issuer="http://127.0.0.1:1")
    await browser.begin(status=503)
    await desk.provider.configure()
    await desk.provider.set_user("ada", email=desk.account.people["agent"].email, email_verified=True)
    location = await browser.authorize(await browser.begin(), "ada")
    await desk.provider.configure(client_secret=None)
    assert await browser.comes_back(location) == "/sign-in?refused=provider"


async def test_user_who_declines_is_led_back(desk: Desk, browser: Browser) -> None:
    await desk.provider.configure()
    url = await browser.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    location = f"{redirect_uri(desk.account.settings, desk.account.id)}?error=access_denied&state={state}"
    assert await browser.comes_back(location) == "/sign-in?refused=denied"
