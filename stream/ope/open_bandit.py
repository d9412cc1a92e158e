"""The Open Bandit Dataset: what a fashion shop showed, at random and by Thompson sampling, with true propensities.

One folder a policy (`random`, `bts`), in it one a campaign (`all`, `men`, `women`) with a CSV file of the same name.
Every line is one item in one of three positions. The policies use no context, so a policy's probability of an item in
a position is the mean of the propensities in its own log.

References
----------
Saito et al. (2021), Open Bandit Dataset and Pipeline, NeurIPS datasets and benchmarks.
"""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bandits.ope import Overlap, clipped_ips, direct_method, doubly_robust, ips, on_policy, replay, snips, switch_dr
from learners.metrics.significance import interval, resampled_means
from stream.errors import UsageError

POLICIES = ("random", "bts")
COLUMNS = ("item_id", "position", "click", "propensity_score")
FOLDS = 5
SHRINK = 100.0  # impressions by which an item is shrunk towards the mean of all: clicks are rare
LEVEL = 0.95

Floats = NDArray[np.float64]


class Impressions(NamedTuple):
    """One policy's log, arrays of [impressions]."""

    item: NDArray[np.int64]
    position: NDArray[np.int64]
    click: Floats
    propensity: Floats


def campaigns(directory: Path) -> list[str]:
    """Campaigns with logs of both policies.

    Raises
    ------
    UsageError
        if there are none
    """
    found = sorted(
        path.parent.name for path in directory.glob("random/*/*.csv*")
        if path.name.split(".")[0] == path.parent.name and _file(directory, "bts", path.parent.name) is not None
    )  # fmt: skip
    if not found:
        raise UsageError(f"{directory}: must hold random/CAMPAIGN/CAMPAIGN.csv[.gz] and the same under bts")
    return found


def _file(directory: Path, policy: str, campaign: str) -> Path | None:
    paths = (directory / policy / campaign / f"{campaign}.csv{ending}" for ending in ("", ".gz"))
    return next((path for path in paths if path.exists()), None)


def read(directory: Path, policy: str, campaign: str) -> Impressions:
    """Read one policy's log."""
    path = _file(directory, policy, campaign)
    if path is None:
        raise UsageError(f"{directory}: must hold {policy}/{campaign}/{campaign}.csv or .csv.gz")
    with _opened(path) as file:
        lines = csv.DictReader(file)
        missing = set(COLUMNS) - set(lines.fieldnames or ())
        if missing:
            raise UsageError(
                f"{path}: must have the columns {', '.join(COLUMNS)}; {', '.join(sorted(missing))} missing"
            )
        rows = [tuple(line[column] for column in COLUMNS) for line in lines]
    item, position, click, propensity = np.array(rows, np.float64).reshape(-1, len(COLUMNS)).T
    if not len(item) or propensity.min() <= 0:
        raise UsageError(f"{path}: must hold impressions with propensities above 0")
    _, place = np.unique(position, return_inverse=True)
    return Impressions(item.astype(np.int64), place, click, propensity)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        yield cast("IO[str]", file)


def chances(log: Impressions, items: int, positions: int) -> Floats:
    """Probability of every item in every position, [positions, items]; 0 if it was never shown there."""
    sums, counts = np.zeros((2, positions, items))
    np.add.at(sums, (log.position, log.item), log.propensity)
    np.add.at(counts, (log.position, log.item), 1.0)
    mean = sums / np.maximum(counts, 1.0)
    return np.asarray(mean / mean.sum(axis=1, keepdims=True))


def compare(directory: Path, campaign: str, *, clip: float, resamples: int, seed: str) -> dict[str, Any]:
    """Estimate each policy's click rate from the other's log, and compare it with the true one."""
    logs = {policy: read(directory, policy, campaign) for policy in POLICIES}
    items = 1 + max(int(log.item.max()) for log in logs.values())
    positions = 1 + max(int(log.position.max()) for log in logs.values())
    pmf = {policy: chances(log, items, positions) for policy, log in logs.items()}
    return {
        f"{logged} to {wanted}": _direction(logs[logged], logs[wanted], pmf[wanted], clip, resamples, seed)
        for logged, wanted in (POLICIES, POLICIES[::-1])
    }


def _direction(
    log: Impressions, other: Impressions, wanted: Floats, clip: float, resamples: int, seed: str
) -> dict[str, Any]:
    truth = on_policy(other.click).value
    chance = wanted[log.position, log.item]
    weight = chance / log.propensity
    values = _model(log, *wanted.shape)
    fold = np.arange(len(log.click)) % FOLDS
    model = values[fold, log.position, log.item]
    expected = (wanted * values).sum(axis=2)[fold, log.position]
    best = wanted.argmax(axis=1)[log.position] == log.item
    estimates = {
        "replay, favourite": replay(best, log.click),
        "IPS": ips(weight, log.click),
        "SNIPS": snips(weight, log.click),
        f"IPS, at most {clip:g}": clipped_ips(weight, log.click, clip),
        "direct method": direct_method(expected),
        "DR": doubly_robust(weight, log.click, model, expected),
        f"switch-DR at {clip:g}": switch_dr(weight, log.click, model, expected, clip),
    }
    found: dict[str, Any] = {
        "impressions": len(log.click), "truth": truth, "truth_interval": _interval(other.click, resamples, seed),
        "effective": Overlap.of(weight).effective, "warning": Overlap.of(weight).warning(), "estimates": {},
    }  # fmt: skip
    for name, addends in estimates.items():
        means = resampled_means(np.stack(addends, axis=1), np.ones(len(weight)), resamples, seed)
        drawn = means[:, 0] / np.maximum(means[:, 1], 1e-300)
        errors = np.abs(drawn - truth) / (truth or np.nan)
        found["estimates"][name] = {
            "value": addends.value,
            "interval": [float(bound) for bound in interval(drawn[:, None], LEVEL)[:, 0]],
            "relative_error": abs(addends.value - truth) / (truth or np.nan),
            "relative_error_resampled": [float(errors.mean()), float(errors.std())],
        }
    return found


def _interval(click: Floats, resamples: int, seed: str) -> list[float]:
    means = resampled_means(click[:, None], np.ones(len(click)), resamples, f"{seed}/truth")
    return [float(bound) for bound in interval(means, LEVEL)[:, 0]]


def _model(log: Impressions, positions: int, items: int) -> Floats:
    """Click rate of every item in every position, [folds, positions, items]; each fold is predicted by the others."""
    sums, counts = np.zeros((2, FOLDS, items))
    fold = np.arange(len(log.click)) % FOLDS
    np.add.at(sums, (fold, log.item), log.click)
    np.add.at(counts, (fold, log.item), 1.0)
    sums, counts = sums.sum(axis=0) - sums, counts.sum(axis=0) - counts
    mean = sums.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
    rate = (sums + SHRINK * mean) / (counts + SHRINK)
    return np.repeat(rate[:, None, :], positions, axis=1)
