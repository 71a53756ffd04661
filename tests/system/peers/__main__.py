"""`python -m tests.system.peers DIRECTORY` runs the official test suites against HummDesk's engine.

DIRECTORY has clones of the repositories of Socket.IO, prepared as in docs/conformance.md; nothing in it is changed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hummdesk.core.errors import CommandError
from hummdesk.dev import nodejs
from tests.system.peers.suites import ACCEPTED, SUITES, Suite

SERVER_SECONDS = 30
SUITE_SECONDS = 300
ATTEMPTS = 3
"""Of a suite: some tests fail if a client is slower to read a packet than the server to write the next one."""

SHOWN_RETRIED = 5


@dataclass(frozen=True)
class Outcome:
    passed: frozenset[str]
    """The full titles of tests."""

    skipped: frozenset[str]
    failures: dict[str, str]
    """The messages of the tests that failed, by full title."""

    retried: frozenset[str] = frozenset()
    """Tests that passed, but not at the first attempt."""

    @property
    def unexpected(self) -> set[str]:
        return self.failures.keys() - ACCEPTED.keys()

    def followed_by(self, other: "Outcome") -> "Outcome":
        """The outcome of both attempts: a test passes that has passed once."""
        passed, failed = self.passed | other.passed, self.failures | other.failures
        failures = {title: message for title, message in failed.items() if title not in passed}
        return Outcome(passed, other.skipped, failures, self.retried | (passed & failed.keys()))


def parse_report(report: dict[str, Any]) -> Outcome:
    """Read the report of mocha's JSON reporter."""
    failures = {test["fullTitle"]: test["err"].get("message", "") for test in report["failures"]}
    passed = frozenset(test["fullTitle"] for test in report["passes"]) - failures.keys()
    return Outcome(passed, frozenset(test["fullTitle"] for test in report["pending"]), failures)


@contextmanager
def running(application: str, port: int) -> Iterator[None]:
    """Run the application in a process of its own, until the end of the block."""
    with suppress(OSError), socket.create_connection(("localhost", port)):
        raise CommandError(f"port {port} is in use, and the suite of {application} connects to it")
    command = (sys.executable, "-m", "tests.system.peers.applications", application, str(port))
    with subprocess.Popen(command) as process:
        try:
            wait_for_port(process, port)
            yield
        finally:
            process.terminate()


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("localhost", port)):
            return
        time.sleep(0.05)
    raise CommandError(f"no application answers at port {port}")


def run(suite: Suite, clones: Path) -> Outcome:
    """Run a suite, again while tests fail. Raises CommandError if it cannot run."""
    folder, mocha = suite.find(clones)
    command = [nodejs.find().program, str(mocha), "--exit", *suite.arguments]
    with running(suite.application, suite.port):
        outcome = attempt(command, folder, suite.env)
        for _ in range(ATTEMPTS - 1):
            if outcome.unexpected:
                outcome = outcome.followed_by(attempt(command, folder, suite.env))
    return outcome


def attempt(command: list[str], folder: Path, env: Mapping[str, str]) -> Outcome:
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        run_mocha([*command, "--reporter", "json", "--reporter-option", f"output={report.name}"], folder, env)
        content = Path(report.name).read_text()
    outcome = parse_report(json.loads(content)) if content else None
    if outcome is None or not (outcome.passed or outcome.failures):
        raise CommandError(f"mocha has run no test: run it in {folder}")
    return outcome


def run_mocha(command: list[str], folder: Path, env: Mapping[str, str]) -> None:
    """Run mocha in a process group of its own, of which nothing remains."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | env, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        process.wait(SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        raise CommandError(f"the suite in {folder} has not ended after {SUITE_SECONDS} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def print_outcome(suite: Suite, outcome: Outcome) -> None:
    passed, failed, skipped = map(len, (outcome.passed, outcome.failures, outcome.skipped))
    print(f"{suite.name}: {passed} passed, {failed} failed, {skipped} skipped by the suite", flush=True)
    for title in sorted(outcome.retried)[:SHOWN_RETRIED]:
        print(f"  passed after a retry: {title}")
    if len(outcome.retried) > SHOWN_RETRIED:
        print(f"  … and {len(outcome.retried) - SHOWN_RETRIED} more: one failure can stop the clock of the later tests")
    for title, message in outcome.failures.items():
        verdict = f"accepted, since {ACCEPTED[title]}" if title in ACCEPTED else f"FAILED: {message}"
        print(f"  {title}: {verdict}")


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1, metavar="[SUITE …]", type=click.Choice([suite.name for suite in SUITES]))
def main(directory: Path, names: tuple[str, ...]) -> None:
    """Run the official test suites in a DIRECTORY of clones, or only some."""
    unexpected = 0
    for suite in SUITES:
        if not names or suite.name in names:
            outcome = run(suite, directory)
            print_outcome(suite, outcome)
            unexpected += len(outcome.unexpected)
    if unexpected:
        raise CommandError(f"{unexpected} tests failed that should pass")


if __name__ == "__main__":
    try:
        main(standalone_mode=True)
    except CommandError as error:
        sys.exit(f"error: {error}")
