"""The figures with their targets, and the line that tells each."""

from dataclasses import dataclass
from statistics import median

from bench.rounds import OURS, Round

LEVEL = 1.1
"""«Level with» a peer: no more than this above it."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    what: str
    limit: float | None = None
    """Of the figure itself."""
    ratios: dict[str, float]
    """Of the figure to that of each of these peers, in the same round."""
    more_is_better: bool = False


@dataclass(frozen=True)
class Check:
    words: str
    kept: bool | None
    """None: the peer was not measured."""


FIGURES = (
    Figure(
        name="P1",
        what="CPU µs a delivery, one event a tick",
        ratios={"limit": 1.2, "node": 0.5, "bun": 1, "stock": 1, "nats": 1, "nchan": LEVEL},
    ),
    Figure(
        name="P2",
        what="CPU µs a delivery, 20 events a tick",
        ratios={"node": 0.12, "bun": 1, "stock": 1, "nats": 1, "nchan": 1},
    ),
    Figure(
        name="P3",
        what="acknowledged messages a second",
        ratios={"node": 3},
        more_is_better=True,
    ),
    Figure(name="P4", what="ms from send to new_message, p99, at half of node's capacity", ratios={"node": 0.5}),
    Figure(name="P5", what="KiB resident an idle connection", ratios={"node": 0.4, "nchan": 1}),
    Figure(name="P6", what="CPU µs a connect", ratios={"node": 0.5}),
    Figure(name="P7", what="ms from commit to ai_processing_started, p50", limit=10, ratios={"node": 1.5}),
    Figure(name="P8", what="CPU a delivery, with many receivers over with few", limit=1.25, ratios={}),
    Figure(name="P9", what="ms from emit elsewhere to the socket, p50", limit=2, ratios={}),
    Figure(name="P10", what="load of two processes over that of one", limit=1.7, ratios={}, more_is_better=True),
    Figure(name="P11", what="messages classified a second, of 500 sent", limit=495, ratios={}, more_is_better=True),
    Figure(name="P12", what="messages that wait for that, at the end", limit=100, ratios={}),
)


def line(figure: Figure, rounds: list[Round]) -> str:
    """Name, figure, peers' figures, target, met or not."""
    found = [measured.get(figure.name, {}) for measured in rounds]
    ours = [one[OURS] for one in found if OURS in one]
    head = f"{figure.name:<4}{figure.what}"
    if not ours:
        return f"{head}: not measured"
    peers = dict.fromkeys(peer for one in found for peer in one if peer != OURS)
    told = ", ".join(f"{peer} {_short(median(one[peer] for one in found if peer in one))}" for peer in peers)
    checks = _checks(figure, found, median(ours))
    target = ", ".join(check.words for check in checks)
    return " | ".join(
        part for part in (f"{head}: {_short(median(ours))}", told, f"target {target}", _verdict(checks)) if part
    )


def _checks(figure: Figure, found: list[dict[str, float]], ours: float) -> list[Check]:
    sign = "≥" if figure.more_is_better else "≤"
    checks = []
    if figure.limit is not None:
        checks.append(Check(f"{sign} {figure.limit:g}", _holds(figure, ours, figure.limit)))
    for peer, wanted in figure.ratios.items():
        ratios = [one[OURS] / one[peer] for one in found if OURS in one and one.get(peer)]
        words = f"{sign} {wanted:g} × {peer}"
        if ratios:
            checks.append(Check(f"{words} ({median(ratios):.2f})", _holds(figure, median(ratios), wanted)))
        else:
            checks.append(Check(f"{words} (?)", None))
    return checks


def _holds(figure: Figure, value: float, wanted: float) -> bool:
    return value >= wanted if figure.more_is_better else value <= wanted


def _verdict(checks: list[Check]) -> str:
    kept = [check.kept for check in checks]
    if False in kept:
        return "not met"
    if True not in kept:
        return "nothing to compare with"
    return "met as far as measured" if None in kept else "met"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
