"""Linear algebra of the scope classifier."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import scope


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> NDArray[np.float64]:
    """A positive definite matrix of more than two blocks."""
    monkeypatch.setattr(scope, "BLOCK", 8)
    monkeypatch.setattr(scope, "CHOLESKY_BLOCK", 8)
    vectors = np.random.default_rng(7).normal(size=(30, 4))
    matrix: NDArray[np.float64] = np.exp(-((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
    return matrix + 0.5 * np.eye(len(vectors))


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_solve_with_cholesky_factor_solves_the_system(
    kernel: NDArray[np.float64], precision: type[np.floating[Any]]
) -> None:
    targets = np.random.default_rng(8).normal(size=len(kernel))
    solution = scope.solve(np.linalg.cholesky(kernel.astype(precision)), targets, matrix=kernel)
    np.testing.assert_allclose(kernel @ solution, targets, atol=1e-9)


def test_cholesky_by_blocks_equals_numpy(kernel: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(scope.cholesky(kernel), np.linalg.cholesky(kernel), atol=1e-12)


def test_invert_lower_returns_inverse(kernel: NDArray[np.float64]) -> None:
    lower = np.linalg.cholesky(kernel)
    np.testing.assert_allclose(scope.invert_lower(lower) @ lower, np.eye(len(lower)), atol=1e-9)


def test_scores_without_group_equal_a_fit_to_the_others(kernel: NDArray[np.float64]) -> None:
    sizes = [4, 2, 5, 1, 8]
    targets = np.repeat([1.0, -1.0], 15)
    lower = np.linalg.cholesky(kernel)
    scores = scope.scores_without_group(lower, scope.solve(lower, targets, matrix=kernel), targets, sizes)
    first = len(targets) - sum(sizes)
    for group in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        others = np.setdiff1d(np.arange(len(targets)), first + group)
        weights = np.linalg.solve(kernel[np.ix_(others, others)], targets[others])
        np.testing.assert_allclose(scores[group], kernel[np.ix_(first + group, others)] @ weights, atol=1e-9)
