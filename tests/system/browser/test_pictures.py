"""What the states look like: six compared with pictures of them, and pictures of all for people."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.system.browser.conftest import DemoAccount
from tests.system.browser.states import STATES, Stage
from tests.system.browser.tcp_proxy import TcpProxy

SIZES = {"1440x900": (1440, 900), "1366x625": (1366, 625), "390x844": (390, 844)}
SCHEMES = ("light", "dark")
COMPARED = {
    "conversation": ("1366x625", "light"),
    "note": ("1366x625", "dark"),
    "palette": ("1440x900", "dark"),
    "inbox": ("390x844", "dark"),
    "widget-conversation": ("1366x625", "light"),
    "widget-new": ("390x844", "light"),
}
REFERENCES = Path(__file__).parent / "pictures"
COMPARE = (Path(__file__).parent / "compare_pictures.js").read_text()
MAX_BYTES = 60_000

TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TO_THE_END = "() => document.querySelectorAll('[role=log]').forEach((log) => log.scrollTo(0, log.scrollHeight))"
"""The position in the messages depends on whether the results of the AI were there when they were shown."""

THRESHOLD = 51
"""Of 255, in the channel of a pixel that differs most."""
TOLERANCE = 0.002
"""Share of the pixels that may differ."""


@pytest.fixture(scope="module")
async def stage(chromium: Browser, account: DemoAccount) -> AsyncIterator[Stage]:
    async with TcpProxy(account.desk.port) as proxy:
        stage = await Stage.load(chromium, account, proxy)
        yield stage
        await stage.close()


async def take(page: Page, size: str, scheme: str) -> bytes:
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.evaluate(TWO_FRAMES)  # what observes sizes and media draws in the next one
    await page.evaluate(TO_THE_END)
    await page.evaluate(TWO_FRAMES)
    return await page.screenshot(animations="disabled")


@pytest.mark.parametrize("name", COMPARED)
async def test_state_looks_like_its_picture(name: str, stage: Stage, screenshots: Path) -> None:
    """After a wanted change, copy the new picture, which the failure names, to the folder of the references."""
    shown = await STATES[name](stage)
    picture = await take(shown.page, *COMPARED[name])
    reference = REFERENCES / f"{name}.png"
    before = base64.b64encode(reference.read_bytes()).decode() if reference.exists() else None
    share, reduced = await shown.page.evaluate(COMPARE, [base64.b64encode(picture).decode(), before, THRESHOLD])
    now = screenshots / "reduced" / f"{name}.png"
    now.parent.mkdir(exist_ok=True)
    now.write_bytes(base64.b64decode(reduced))
    print(f"{name}: {share:.4%} of the pixels differ")
    assert share <= TOLERANCE, f"{share:.2%} of the pixels differ: compare {now} with {reference}"
    assert reference.stat().st_size <= MAX_BYTES


@pytest.mark.systems
@pytest.mark.timeout(300)
async def test_states_are_accessible_and_have_pictures_in_all_sizes(stage: Stage, screenshots: Path) -> None:
    for name, prepare in STATES.items():
        shown = await prepare(stage)
        for size in SIZES:
            for scheme in SCHEMES:
                (screenshots / f"{name}-{size}-{scheme}.png").write_bytes(await take(shown.page, size, scheme))
            assert await shown.width() <= SIZES[size][0], f"{name} scrolls sideways at {size}"
        await shown.page.emulate_media(color_scheme="light")
        assert await shown.violations() == [], name
        assert await shown.dark_violations() == [], name
    assert len(STATES) == 20
