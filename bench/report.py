"""The figures with their targets, and the line that reports each."""

from dataclasses import dataclass
from statistics import median

from bench.study import OURS, Round

LEVEL = 1.1
"""The target of a figure that is to equal a peer's."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    description: str
    limit: float | None = None
    """The target of the figure itself."""
    ratios: dict[str, float]
    """The target of the ratio to each of these peers, measured in the same round."""
    more_is_better: bool = False


@dataclass(frozen=True)
class Check:
    """One target of a figure."""

    text: str
    is_met: bool | None
    """None if the peer was not measured."""


FIGURES = (
    Figure(
        name="P1",
        description="CPU µs a delivery, one event a tick",
        ratios={"limit": 1.2, "node": 0.5, "bun": 1, "stock": 1, "nats": 1, "nchan": LEVEL},
    ),
    Figure(
        name="P2",
        description="CPU µs a delivery, 20 events a tick",
        ratios={"node": 0.12, "bun": 1, "stock": 1, "nats": 1, "nchan": 1},
    ),
    Figure(
        name="P3",
        description="acknowledged messages a second",
        ratios={"node": 3},
        more_is_better=True,
    ),
    Figure(name="P4", description="ms from send to new_message, p99, at half of node's capacity", ratios={"node": 0.5}),
    Figure(name="P5", description="KiB resident an idle connection", ratios={"node": 0.4, "nchan": 1}),
    Figure(name="P6", description="CPU µs a connect", ratios={"node": 0.5}),
    Figure(name="P7", description="ms from commit to ai_processing_started, p50", limit=10, ratios={"node": 1.5}),
    Figure(name="P8", description="CPU a delivery, many receivers over few", limit=1.25, ratios={}),
    Figure(name="P9", description="ms from emit in another process to the socket, p50", limit=2, ratios={}),
    Figure(name="P10", description="load of two processes over that of one", limit=1.7, ratios={}, more_is_better=True),
    Figure(
        name="P11", description="messages classified a second, of 500 sent", limit=495, ratios={}, more_is_better=True
    ),
    Figure(name="P12", description="messages not yet classified, at the end", limit=100, ratios={}),
)


def report_line(figure: Figure, rounds: list[Round]) -> str:
    """Return the name, the figure, the peers' figures, the targets and the verdict."""
    results = [measured.get(figure.name, {}) for measured in rounds]
    ours = [result[OURS] for result in results if OURS in result]
    head = f"{figure.name:<4}{figure.description}"
    if not ours:
        return f"{head}: not measured"
    checks = _checks(figure, results, median(ours))
    targets = ", ".join(check.text for check in checks)
    parts = (f"{head}: {_short(median(ours))}", _peer_figures(results), f"target {targets}", _verdict(checks))
    return " | ".join(filter(None, parts))


def _peer_figures(results: list[dict[str, float]]) -> str:
    peers = dict.fromkeys(peer for result in results for peer in result if peer != OURS)
    medians = {peer: median(result[peer] for result in results if peer in result) for peer in peers}
    return ", ".join(f"{peer} {_short(value)}" for peer, value in medians.items())


def _checks(figure: Figure, results: list[dict[str, float]], ours: float) -> list[Check]:
    sign = "≥" if figure.more_is_better else "≤"
    checks = []
    if figure.limit is not None:
        checks.append(Check(f"{sign} {figure.limit:g}", _is_met(figure, ours, figure.limit)))
    for peer, target in figure.ratios.items():
        ratios = [result[OURS] / result[peer] for result in results if OURS in result and result.get(peer)]
        text = f"{sign} {target:g} × {peer}"
        if ratios:
            checks.append(Check(f"{text} ({median(ratios):.2f})", _is_met(figure, median(ratios), target)))
        else:
            checks.append(Check(f"{text} (?)", None))
    return checks


def _is_met(figure: Figure, value: float, target: float) -> bool:
    return value >= target if figure.more_is_better else value <= target


def _verdict(checks: list[Check]) -> str:
    verdicts = [check.is_met for check in checks]
    if False in verdicts:
        return "not met"
    if True not in verdicts:
        return "no peer to compare with"
    return "met as far as measured" if None in verdicts else "met"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
