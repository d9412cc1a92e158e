"""Measures, intervals, tests and curves of the journals, as plain values.

| measure | of what |
| --- | --- |
| hit_rate@k, mrr@k, ndcg@k, precision@k, recall@k, f1@k, map@k | the next item is the only relevant one |
| rest_precision@k, rest_recall@k, rest_f1@k, rest_map@k | relevant is the rest of the session, repeats counted |
| rest_map_published@k | what the published session tables call MAP, see `learners.metrics.rank_metrics` |
| coverage, gini | share of the known items that were listed, and how unequally |
| average_popularity, novelty, diversity | of the lists, see `learners.metrics.beyond_accuracy`; diversity by category |
| reward_per_step | reward of the event if its item was listed |
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.metrics.beyond_accuracy import gini
from learners.metrics.rank_metrics import next_item
from learners.metrics.significance import interval, mcnemar, resampled_means
from stream.evaluation.journal import Journal, Steps

WINDOWS = 50  # of a curve, at most
WINDOW_STEPS = 20  # at least, in each
LEVEL = 0.95

Values = dict[str, NDArray[np.float64]]  # measure -> value of every step


class Measured(NamedTuple):
    """All measurements of a run."""

    ks: tuple[int, ...]
    steps: Steps
    journals: dict[str, Journal]  # the engine's first
    known_items: int
    categorised: bool  # whether any item has a category
    seed: str


def report(measured: Measured, resamples: int, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return learners with their measures and intervals, comparisons, and the curve."""
    learners: dict[str, Any] = {}
    drawn: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, journal in measured.journals.items():
        values, lists = _per_step(journal, measured), _per_list(journal, measured)
        learners[name] = _measures(values, lists, journal, measured)
        if resamples and len(measured.steps):
            drawn[name] = _resampled(values, lists, journal, measured, resamples)
            learners[name]["intervals"] = {measure: _bounds(means) for measure, means in drawn[name].items()}
    return {
        "learners": learners,
        "comparisons": [_comparison(first, second, measured, learners, drawn) for first, second in pairs],
        "curve": _curve(measured),
    }


def _per_step(journal: Journal, measured: Measured) -> Values:
    """Measures that every step has, at every length."""
    ranks, rest = np.array(journal.ranks), journal.rest().astype(np.float64)
    left = np.array(measured.steps.left, np.float64)
    values: Values = {}
    for n, k in enumerate(measured.ks):
        hit_rate, mrr, ndcg = next_item(ranks, k)
        found = rest[:, n, 0]
        values |= {
            f"hit_rate@{k}": hit_rate, f"mrr@{k}": mrr, f"ndcg@{k}": ndcg,
            f"precision@{k}": hit_rate / k, f"recall@{k}": hit_rate, f"f1@{k}": 2.0 * hit_rate / (k + 1),
            f"map@{k}": mrr, f"rest_precision@{k}": found / k, f"rest_recall@{k}": found / left,
            f"rest_f1@{k}": 2.0 * found / (k + left), f"rest_map@{k}": rest[:, n, 1],
            f"rest_map_published@{k}": rest[:, n, 2],
        }  # fmt: skip
    values["reward_per_step"] = np.array(measured.steps.worths) * (ranks >= 0)
    return values


def _per_list(journal: Journal, measured: Measured) -> Values:
    """Measures of the lists that hold anything."""
    popularity, novelty, diversity = journal.traits().astype(np.float64).T
    values = {"average_popularity": popularity, "novelty": novelty}
    return {**values, "diversity": diversity} if measured.categorised else values


def _measures(values: Values, lists: Values, journal: Journal, measured: Measured) -> dict[str, Any]:
    steps, filled = len(measured.steps), int(np.sum(journal.filled))
    seen = np.array(measured.steps.seen, bool)
    shown = np.zeros(measured.known_items, np.int64)
    exposures = journal.exposures[: measured.known_items]
    shown[: len(exposures)] = exposures
    return {
        **{measure: _mean(column, steps) for measure, column in values.items()},
        **{measure: _mean(column, filled) for measure, column in lists.items()},
        "coverage": float((shown > 0).sum()) / max(1, measured.known_items),
        "gini": gini(shown),
        **{
            part: {
                "events": float(chosen.sum()),
                **{
                    f"{measure}@{k}": _mean(values[f"{measure}@{k}"][chosen], int(chosen.sum()))
                    for k in measured.ks for measure in ("hit_rate", "mrr", "ndcg", "precision")
                },
            }
            for part, chosen in (("new", ~seen), ("seen", seen))
        },
    }  # fmt: skip


def _mean(values: NDArray[np.float64], count: int) -> float:
    return float(values.sum()) / max(1, count)


def _resampled(values: Values, lists: Values, journal: Journal, measured: Measured, resamples: int) -> Values:
    """Means of every resample: users are drawn with all of their steps, the same for all learners."""
    users = np.array(measured.steps.users)
    drawn: Values = {}
    for columns, counted in ((values, np.ones(len(users))), (lists, np.array(journal.filled, np.float64))):
        sums = np.column_stack([_sums(users, column) for column in columns.values()])
        means = resampled_means(sums, _sums(users, counted), resamples, measured.seed)
        drawn |= dict(zip(columns, means.T, strict=True))
    return drawn


def _sums(users: NDArray[np.integer], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the steps of each user."""
    totals: NDArray[Any] = np.bincount(users, weights=column)  # numpy's types do not know that weights make floats
    return totals


def _bounds(means: NDArray[np.float64]) -> list[float]:
    return [float(bound) for bound in interval(means[:, None], LEVEL)[:, 0]]


def _comparison(
    first: str, second: str, measured: Measured, learners: dict[str, Any], drawn: dict[str, Values]
) -> dict[str, Any]:
    """One pair: McNemar's test on hits at the longest length, and the differences, first minus second."""
    k = max(measured.ks)
    test = mcnemar(_hits(measured, first, k), _hits(measured, second, k))
    return {
        "first": first,
        "second": second,
        "k": k,
        "mcnemar": test._asdict(),
        "differences": {
            measure: [learners[first][measure] - learners[second][measure], *_bounds(means - drawn[second][measure])]
            for measure, means in drawn.get(first, {}).items()
        },
    }


def _hits(measured: Measured, name: str, k: int) -> NDArray[np.bool_]:
    ranks = _ranks(measured, name)
    return (ranks >= 0) & (ranks < k)


def _ranks(measured: Measured, name: str) -> NDArray[np.integer]:
    return np.array(measured.journals[name].ranks)


def _curve(measured: Measured) -> dict[str, Any]:
    """Quality over time: windows of equally many steps, in the order of measurement."""
    steps, k = measured.steps, max(measured.ks)
    windows = min(WINDOWS, len(steps) // WINDOW_STEPS) or min(1, len(steps))
    edges = np.linspace(0, len(steps), windows + 1).astype(np.int64)
    bounds = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)) if windows else []
    losses, candidates = np.array(steps.losses), np.array(steps.candidates)
    scores = {name: next_item(_ranks(measured, name), k) for name in measured.journals}
    return {
        "k": k,
        "steps": [high - low for low, high in bounds],
        "from": [steps.times[low] for low, _ in bounds],
        "to": [steps.times[high - 1] for _, high in bounds],
        "hit_rate": {name: [float(score.hit_rate[a:b].mean()) for a, b in bounds] for name, score in scores.items()},
        "mrr": {name: [float(score.mrr[a:b].mean()) for a, b in bounds] for name, score in scores.items()},
        "click_log_loss": [float(losses[a:b].sum()) / max(1, int(candidates[a:b].sum())) for a, b in bounds],
    }
