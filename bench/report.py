"""The figures with their targets, and the line that reports each."""

from dataclasses import dataclass
from statistics import median

from bench.study import OURS, Round

LEVEL = 1.1
"""The target of a figure that is to equal a peer's."""
REGRESSION = 1.1
"""A result that is worse by this factor than the last one is reported."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    description: str
    limit: float | None = None
    """The target of the figure itself."""
    ratios: dict[str, float]
    """The target of the ratio to each of these peers, measured in the same round."""
    more_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """The medians of a figure, and of its ratios to the peers that were measured with it."""

    value: float
    ratios: dict[str, float]


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
        ratios={"limit": 1.15, "node": 0.5, "bun": 1, "stock": 1, "nats": 1, "nchan": LEVEL},
    ),
    Figure(
        name="P2",
        description="CPU µs a delivery, 20 events a tick",
        ratios={"node": 0.12, "bun": 1, "stock": 1, "nats": 1, "nchan": 1},
    ),
    Figure(
        name="P3",
        description="acknowledged messages a second",
        ratios={"node": 3.5},
        more_is_better=True,
    ),
    Figure(name="P4", description="ms from send to new_message, p99, at half of node's capacity", ratios={"node": 0.5}),
    Figure(name="P4b", description="ms from send to new_message, p50, at 20 a second", ratios={"node": 1}),
    Figure(name="P5", description="KiB resident an idle connection", ratios={"node": 0.4, "nchan": 1}),
    Figure(name="P6", description="CPU µs a connect", ratios={"node": 0.5}),
    Figure(name="P6b", description="CPU µs a connect with a join, one after the other", ratios={"node": 1}),
    Figure(name="P7", description="ms from commit to ai_processing_started, p50", limit=10, ratios={"node": 1.5}),
    Figure(name="P8", description="CPU a delivery, many receivers over few", limit=1.25, ratios={}),
    Figure(name="P9", description="ms from emit in another process to the socket, p50", limit=2, ratios={}),
    Figure(name="P10", description="load of two processes over that of one", limit=1.8, ratios={}, more_is_better=True),
    Figure(
        name="P11", description="messages classified a second, of 500 sent", limit=495, ratios={}, more_is_better=True
    ),
    Figure(name="P12", description="messages not yet classified, at the end", limit=100, ratios={}),
    Figure(
        name="P13",
        description="acknowledged messages a second, beside the AI",
        ratios={"alone": 0.8},
        more_is_better=True,
    ),
    Figure(
        name="P13b",
        description="ms from send to new_message, p99, at 300 a second beside the AI",
        ratios={"alone": 1.5},
    ),
    Figure(name="P14", description="% of a core of an idle desk with 1,000 sockets", limit=1, ratios={}),
    Figure(name="P15", description="seconds from the start of a web process until it is ready", limit=1.2, ratios={}),
    Figure(name="P15b", description="CPU seconds of its imports", limit=0.35, ratios={}),
    Figure(name="P16", description="CPU µs a message, all processes but AI workers", ratios={"node": 0.7}),
    Figure(name="P17", description="KiB resident a connection, of 18,000", limit=6, ratios={"node": 0.4}),
    Figure(name="P17b", description="% of a core for the heartbeats of 18,000", limit=10, ratios={"node": 1}),
    Figure(name="P17c", description="seconds until an event reaches 10,000 of them", limit=0.3, ratios={"node": 1}),
    Figure(
        name="P17d", description="ms from send to new_message beside these events, p99", limit=50, ratios={"node": 1}
    ),
)


def result_of(figure: Figure, rounds: list[Round]) -> Result | None:
    """Return the result of a figure, or None if it was not measured."""
    measured = [found for one in rounds if OURS in (found := one.get(figure.name, {}))]
    if not measured:
        return None
    ratios = {
        peer: median(results)
        for peer in figure.ratios
        if (results := [found[OURS] / found[peer] for found in measured if found.get(peer)])
    }
    return Result(value=median(found[OURS] for found in measured), ratios=ratios)


def report_line(figure: Figure, rounds: list[Round], before: Result | None = None) -> str:
    """Return the name, the figure, the peers' figures, the targets, the verdict, and what is worse than before."""
    head = f"{figure.name:<3} {figure.description}"
    result = result_of(figure, rounds)
    if result is None:
        return f"{head}: not measured"
    checks = _checks(figure, result)
    targets = ", ".join(check.text for check in checks)
    peers = _peer_figures([measured.get(figure.name, {}) for measured in rounds])
    worse = ", ".join(regressions(figure, result, before)) if before else ""
    parts = (f"{head}: {short(result.value)}", peers, f"target {targets}", _verdict(checks), worse)
    return " | ".join(filter(None, parts))


def regressions(figure: Figure, now: Result, before: Result) -> list[str]:
    """Return each ratio that is worse than before, or the figure itself if it has no ratios: times vary by machine."""
    pairs = {f"× {peer}": (before.ratios[peer], ratio) for peer, ratio in now.ratios.items() if peer in before.ratios}
    if not figure.ratios:
        pairs = {"": (before.value, now.value)}
    return [
        f"WORSE: {short(old)} → {short(new)} {name}".rstrip()
        for name, (old, new) in pairs.items()
        if (old > new * REGRESSION if figure.more_is_better else new > old * REGRESSION)
    ]


def _peer_figures(results: list[dict[str, float]]) -> str:
    peers = dict.fromkeys(peer for result in results for peer in result if peer != OURS)
    medians = {peer: median(result[peer] for result in results if peer in result) for peer in peers}
    return ", ".join(f"{peer} {short(value)}" for peer, value in medians.items())


def _checks(figure: Figure, result: Result) -> list[Check]:
    sign = "≥" if figure.more_is_better else "≤"
    checks = []
    if figure.limit is not None:
        checks.append(Check(f"{sign} {figure.limit:g}", _is_met(figure, result.value, figure.limit)))
    for peer, target in figure.ratios.items():
        text, ratio = f"{sign} {target:g} × {peer}", result.ratios.get(peer)
        if ratio is None:
            checks.append(Check(f"{text} (?)", None))
        else:
            checks.append(Check(f"{text} ({ratio:.2f})", _is_met(figure, ratio, target)))
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


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
