"""The runner of the official test suites, with a stand-in for mocha."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hummdesk.core.errors import CommandError
from hummdesk.dev.redis import free_port
from tests.system.peers.__main__ import Outcome, run
from tests.system.peers.applications import APPLICATIONS
from tests.system.peers.suites import ACCEPTED, SUITES, Suite

MOCHA = """
const fs = require("fs"), path = require("path");
const report = process.argv.find((argument) => argument.startsWith("output=")).slice("output=".length);
const attempts = path.join(process.cwd(), "attempts");
fs.appendFileSync(attempts, ".");
const isFirst = fs.statSync(attempts).size === 1;
fetch(process.env.SERVER_URL).then((response) => response.text()).then((text) => {
    const flaky = { fullTitle: "flaky", err: { message: "too slow" } };
    const opens = { fullTitle: "opens a session", err: { message: text } };
    const isOpen = text.startsWith('0{"sid"');
    fs.writeFileSync(report, JSON.stringify({
        pending: [{ fullTitle: "skipped" }],
        passes: [...(isOpen ? [opens] : []), ...(isFirst ? [] : [flaky])],
        failures: [...(isOpen ? [] : [opens]), ...(isFirst ? [flaky] : [])],
    }));
});
"""


@pytest.fixture
def port() -> int:
    return free_port(0)


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    script = tmp_path / "suite" / "node_modules" / "mocha" / "bin" / "mocha.js"
    script.parent.mkdir(parents=True)
    script.write_text(MOCHA)
    return tmp_path


def suite_of(application: str, port: int) -> Suite:
    path = "engine.io" if application.startswith("engine.io") else "socket.io"
    url = f"http://localhost:{port}/{path}/?EIO=4&transport=polling"
    return Suite(application, application, port, "suite", (), {"SERVER_URL": url})


@pytest.mark.parametrize("application", APPLICATIONS)
def test_run_repeats_a_suite_until_each_test_has_passed_once(clones: Path, port: int, application: str) -> None:
    outcome = run(suite_of(application, port), clones)
    assert outcome.passed == {"opens a session", "flaky"}
    assert outcome.retried == {"flaky"}
    assert outcome.skipped == {"skipped"}
    assert not outcome.failures
    assert (clones / "suite" / "attempts").read_text() == ".."


def test_run_at_a_port_in_use_names_the_port(clones: Path, port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(CommandError, match=rf"port {port} is in use"),
    ):
        run(suite_of("engine.io-protocol", port), clones)


@pytest.mark.parametrize(
    ("missing", "problem"), [("suite", "has no suite"), ("built", "is not built"), ("mocha", "are not installed")]
)
def test_find_of_an_incomplete_folder_says_what_is_missing(clones: Path, missing: str, problem: str) -> None:
    suite = replace(SUITES[0], folder="suite", built="build")
    (clones / "suite" / "build").mkdir()
    removed = {
        "suite": clones / "suite",
        "built": clones / "suite" / "build",
        "mocha": clones / "suite" / "node_modules",
    }[missing]
    removed.rename(clones / "elsewhere")
    with pytest.raises(CommandError, match=problem):
        suite.find(clones)


def test_run_of_a_suite_without_tests_is_an_error(clones: Path, port: int) -> None:
    (script,) = clones.rglob("mocha.js")
    script.write_text("process.exit(1);")
    with pytest.raises(CommandError, match="mocha has run no test"):
        run(suite_of("engine.io-protocol", port), clones)


def test_followed_by_keeps_a_failure_that_only_the_later_attempt_has() -> None:
    stopped = Outcome(frozenset({"first"}), frozenset(), {"second": "stopped"})
    whole = Outcome(frozenset({"second"}), frozenset(), {"first": "slow", "third": "wrong"})
    both = stopped.followed_by(whole)
    assert both.passed == both.retried | {"first"} == {"first", "second"}
    assert both.failures == {"third": "wrong"}


def test_accepted_failure_is_expected() -> None:
    (accepted, *_) = ACCEPTED
    outcome = Outcome(frozenset(), frozenset(), {accepted: "4 is not 3", "another": "wrong"})
    assert outcome.unexpected == {"another"}
