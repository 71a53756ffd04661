"""Fitting of the scope classifier: is a message a matter for a help desk at all?

Kernel ridge regression, because messages that are out of scope lie in no single direction. The probability is then
calibrated on scores of companies and topics that were left out of the fit.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.encoder import Vectors
from training.projection import main_directions

DIRECTIONS = 128
RIDGE = 1.0
OUT_OF_SCOPE_WEIGHT = 3.0
"""Weight of an out-of-scope example; they are fewer than the others."""
GROUP_SIZE = 40
"""Out-of-scope examples that are left out together: examples of one topic stand next to each other in the file."""
OUT_OF_SCOPE_PRIOR = 2.0
"""Expected number of messages that are out of scope per message in scope."""
NEWTON_STEPS = 20
REFINEMENTS = 3
CHOLESKY_BLOCK = 512
BLOCK = 128
"""Rows that are solved or inverted at once."""


def fit_scope(
    general: Vectors, companies: Sequence[Vectors], out_of_scope: Vectors, mean: Vectors
) -> dict[str, Vectors]:
    """Fit to encoded texts: messages to help desks in general, the texts of each company, and out-of-scope messages."""
    groups = [*companies, *np.split(out_of_scope, range(GROUP_SIZE, len(out_of_scope), GROUP_SIZE))]
    encoded = np.vstack([general, *groups])
    is_in_scope = np.arange(len(encoded)) < len(encoded) - len(out_of_scope)
    directions = main_directions(classifiers.centre(encoded, mean), DIRECTIONS)
    features = classifiers.scope_features(encoded, mean, directions)
    targets = np.where(is_in_scope, 1.0, -1.0)
    kernel = classifiers.scope_kernel(features, features)
    kernel[np.diag_indices(len(kernel))] += RIDGE / np.where(is_in_scope, 1.0, OUT_OF_SCOPE_WEIGHT)
    # In 32 bits, which halves the time: the refinement in `solve` restores the precision of the weights.
    lower = cholesky(kernel.astype(np.float32))
    weights = solve(lower, targets, matrix=kernel)
    # The general messages are never left out: a help desk may lack a company or topic, but not all of them.
    scores = scores_without_group(lower, weights, targets, [len(group) for group in groups])
    return {
        "scope_directions": directions,
        "scope_examples": features,
        "scope_weights": weights.astype(np.float32),
        "scope_odds": _calibration(scores, is_in_scope[len(general) :]),
    }


def cholesky(matrix: Vectors) -> Vectors:
    """Return the lower factor, computed block by block: twice as fast as NumPy on 7,000 rows."""
    lower = np.zeros_like(matrix)
    for start in range(0, len(matrix), CHOLESKY_BLOCK):
        end = start + CHOLESKY_BLOCK
        panel = matrix[start:, start:end] - lower[start:, :start] @ lower[start:end, :start].T
        diagonal = np.linalg.cholesky(panel[:CHOLESKY_BLOCK])
        lower[start:end, start:end] = diagonal
        lower[end:, start:end] = panel[CHOLESKY_BLOCK:] @ np.linalg.inv(diagonal).T
    return lower


def solve(lower: Vectors, targets: Vectors, *, matrix: Vectors) -> Vectors:
    """Solve `matrix @ x = targets`; `lower` is a Cholesky factor of the matrix, possibly of lower precision."""
    solution = np.zeros_like(targets)
    for _ in range(REFINEMENTS):
        solution += _solve_once(lower, targets - matrix @ solution)
    return solution


def _solve_once(lower: Vectors, targets: Vectors) -> Vectors:
    forward = _substitute(lower, targets)
    return _substitute(lower.T[::-1, ::-1], forward[::-1])[::-1]


def scores_without_group(lower: Vectors, weights: Vectors, targets: Vectors, sizes: Sequence[int]) -> Vectors:
    """Score the examples of each group by a fit to all other examples. The groups are the last rows, in order.

    With A the regularized kernel, the score is the target minus `inverse(inverse(A)[g, g]) @ weights[g]` (inversion by
    blocks). From `A = lower @ lower.T`, the trailing block of A's inverse is `trailing.T @ trailing`.
    """
    first = len(targets) - sum(sizes)
    trailing = invert_lower(lower[first:, first:])
    scores = []
    for group in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        columns = trailing[group[0] :, group]
        rows = first + group
        scores.append(targets[rows] - np.linalg.solve(columns.T @ columns, weights[rows]))
    return np.concatenate(scores)


def invert_lower(lower: Vectors) -> Vectors:
    """Invert a lower triangular matrix, recursively by halves: NumPy has no triangular solver."""
    if len(lower) <= BLOCK:
        return np.linalg.inv(lower)
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = invert_lower(lower[:half, :half])
    inverse[half:, half:] = invert_lower(lower[half:, half:])
    inverse[half:, :half] = -inverse[half:, half:] @ (lower[half:, :half] @ inverse[:half, :half])
    return inverse


def _substitute(lower: Vectors, targets: Vectors) -> Vectors:
    """Solve `lower @ x = targets` for a lower triangular matrix, block by block."""
    solution = np.zeros_like(targets)
    for start in range(0, len(targets), BLOCK):
        rows = slice(start, start + BLOCK)
        solution[rows] = np.linalg.solve(lower[rows, rows], targets[rows] - lower[rows, :start] @ solution[:start])
    return solution


def _calibration(scores: Vectors, is_in_scope: NDArray[np.bool_]) -> Vectors:
    """Return slope and intercept of a logistic regression from scores to probabilities, by Newton's method."""
    counts = np.where(is_in_scope, 1.0, OUT_OF_SCOPE_PRIOR * is_in_scope.sum() / (~is_in_scope).sum())
    terms = np.column_stack([scores, np.ones(len(scores))])
    odds = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-terms @ odds))
        hessian = terms.T @ (terms * (counts * probabilities * (1 - probabilities))[:, None])
        odds -= np.linalg.solve(hessian, terms.T @ (counts * (probabilities - is_in_scope)))
    return odds.astype(np.float32)
