"""The bench with tiny numbers: its figures mean nothing then, but they come out, of ours and of peers."""

import re
import subprocess
import sys

import pytest

FIGURES = ("P1", "P2", "P5", "P6")
NUMBER = r"(\d[\d,.e+]*)"


@pytest.fixture(scope="module")
def output() -> str:
    command = (sys.executable, "-m", "bench", "--smoke", "--peers", "node,stock", *FIGURES)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.timeout(180)  # the first run installs the peers' npm packages
@pytest.mark.parametrize("figure", FIGURES)
def test_figure(figure: str, output: str) -> None:
    line = re.search(rf"^{figure} .*: {NUMBER} \| (.*) \| target .* \| (not met|met.*)$", output, re.M)
    assert line, output
    assert is_plausible(line[1])
    peers = dict(re.findall(rf"(\w+) {NUMBER}", line[2]))
    assert is_plausible(peers.pop("stock")), output
    assert "node left out: no" in output or is_plausible(peers.pop("node")), output


def is_plausible(figure: str) -> bool:
    """KiB or µs of something that was done."""
    return 0.05 < float(figure.replace(",", "")) < 100_000
