"""The modules of the pages that need neither a browser nor a server."""

from pathlib import Path

from tests.system.js.script_runner import ScriptRunner
from tests.system.js.test_client import TEST, assert_all_passed

HERE = Path(__file__).parent


async def test_modules_of_the_pages_pass(node: ScriptRunner) -> None:
    assert_all_passed(await node.run(*TEST, HERE / "modules" / "all.mjs", env={}))
