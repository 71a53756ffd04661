"""The benchmarks with a tiny load: the figures mean nothing, but HummDesk and peers must produce them."""

import re
import subprocess
import sys

import pytest

FIGURES = ("P1", "P2", "P5", "P6")
NUMBER = r"(\d[\d,.e+]*)"


def smoke(*figures: str, peers: str) -> str:
    command = (sys.executable, "-m", "bench", "--smoke", "--peers", peers, *figures)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def output() -> str:
    return smoke(*FIGURES, peers="node,stock")


@pytest.mark.systems
@pytest.mark.timeout(450)  # the first run installs the npm packages of the peers
@pytest.mark.parametrize("figure", FIGURES)
def test_smoke_run_prints_a_plausible_figure_with_targets_and_verdict(figure: str, output: str) -> None:
    peers = read_figure(figure, output)
    assert is_plausible(peers.pop("stock")), output
    assert "node skipped: Node.js" in output or is_plausible(peers.pop("node")), output


def test_smoke_run_of_one_figure_beside_the_stock_server_prints_both() -> None:
    output = smoke("P1", peers="stock")
    assert is_plausible(read_figure("P1", output)["stock"]), output


def read_figure(figure: str, output: str) -> dict[str, str]:
    """Check the line of a figure; return the figures of the peers."""
    line = re.search(rf"^{figure} .*: {NUMBER} \| (.*) \| target .* \| (not met|met.*)$", output, re.M)
    assert line, output
    assert is_plausible(line[1])
    return dict(re.findall(rf"(\w+) {NUMBER}", line[2]))


def is_plausible(figure: str) -> bool:
    """Whether a figure can be KiB or µs of something that was measured."""
    return 0.05 < float(figure.replace(",", "")) < 100_000
