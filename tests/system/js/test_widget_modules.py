"""The modules of the widget that need no browser."""

from pathlib import Path

from tests.system.js.script_runner import ScriptRunner
from tests.system.js.test_client import TEST, assert_all_passed


async def test_modules_of_the_widget_pass(node: ScriptRunner) -> None:
    assert_all_passed(await node.run(*TEST, Path(__file__).parent / "widget.test.mjs", env={}))
