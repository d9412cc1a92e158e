"""The mixer against its formulas worked out plainly, and what it must learn."""

import math
import random

import numpy as np
import pytest
from numpy.typing import NDArray

from learners import Mixer


def rows_of(*rows: list[float]) -> NDArray[np.uint8]:
    return (255 * np.array(rows)).round().astype(np.uint8)


def loss_of(mixer: Mixer, rows: NDArray[np.uint8]) -> float:
    return -math.log(float(mixer.shares(rows)[0]))


def some_steps(n: int) -> list[NDArray[np.uint8]]:
    """The item that comes next has more of feature 0, if feature 2 is there, else less: no line separates them."""
    rng, steps = random.Random("mixer/steps"), []
    for _ in range(n):
        flag = rng.random() < 0.5
        rows = [[rng.random(), rng.random(), float(flag)] for _ in range(6)]
        rows.sort(key=lambda row: -row[0] if row[2] else row[0])
        steps.append(rows_of(*rows))
    return steps


def test_first_scores_are_the_initial_weights() -> None:
    mixer = Mixer(["a", "b"], units=0, initial_weights={"a": 0.3})
    assert mixer.score_many(rows_of([1.0, 1.0], [0.0, 1.0])).tolist() == pytest.approx([0.3, 0.0])


def test_a_linear_step_by_hand() -> None:
    """Two rows, both weights 0: shares are a half each, so the gradient is -1/2 and +1/2 of the rows."""
    mixer = Mixer(["a", "b"], learning_rate=0.1, units=0)
    assert mixer.learn_one(rows_of([1.0, 0.0], [0.0, 1.0])) == pytest.approx(math.log(2))
    step = 0.1 * 0.5 / math.sqrt(1 + 0.25)
    assert mixer.state()["linear"][0].tolist() == pytest.approx([step, -step])
    assert mixer.state()["linear"][1].tolist() == pytest.approx([0.25, 0.25])
    assert mixer.loss == pytest.approx(math.log(2))


def test_every_step_goes_down_the_numerical_gradient() -> None:
    mixer, eps = Mixer(["a", "b", "c"], learning_rate=1e-3, units=3), 1e-3
    for rows in some_steps(20):
        mixer.learn_one(rows)
    rows = some_steps(21)[-1]
    before = {name: array.copy() for name, array in mixer.state().items()}
    mixer.learn_one(rows)
    after = mixer.state()
    for name in ("linear", "hidden", "out"):
        for at in np.ndindex(before[name][0].shape):
            losses = []
            for sign in (1, -1):
                nudged = {key: array.copy() for key, array in before.items()}
                nudged[name][(0, *at)] += sign * eps
                other = Mixer(["a", "b", "c"], units=3)
                other.restore(nudged)
                losses.append(loss_of(other, rows))
            slope = (losses[0] - losses[1]) / (2 * eps)
            moved = float(after[name][(0, *at)] - before[name][(0, *at)])
            expected = -1e-3 * slope / math.sqrt(1 + float(before[name][(1, *at)]) + slope**2)
            assert moved == pytest.approx(expected, rel=0.05, abs=2e-6), (name, at)


def test_hidden_units_learn_what_a_line_cannot() -> None:
    losses = {}
    for units in (0, 16):
        mixer = Mixer(["a", "b", "c"], units=units)
        steps = some_steps(3_000)
        for rows in steps:
            mixer.learn_one(rows)
        losses[units] = mixer.loss
    assert losses[16] < 0.75 * losses[0]
    assert losses[0] > 0.9 * math.log(6)


def test_a_query_changes_nothing_and_may_have_no_rows() -> None:
    mixer = Mixer(["a"])
    before = {name: array.tobytes() for name, array in mixer.state().items()}
    assert mixer.shares(np.empty((0, 1), np.uint8)).shape == (0,)
    mixer.score_many(rows_of([0.5]))
    assert {name: array.tobytes() for name, array in mixer.state().items()} == before


def test_shares_are_probabilities() -> None:
    mixer = Mixer(["a", "b", "c"])
    for rows in some_steps(50):
        mixer.learn_one(rows)
    shares = mixer.shares(some_steps(1)[0])
    assert float(shares.sum()) == pytest.approx(1.0, abs=1e-6)
    assert bool((shares > 0).all())


def test_a_restored_mixer_goes_on_as_the_other_would_have() -> None:
    steps = some_steps(60)
    first, heir = Mixer(["a", "b", "c"]), Mixer(["a", "b", "c"], learning_rate=0.1)
    for rows in steps[:30]:
        first.learn_one(rows)
    heir.restore(first.state())
    for rows in steps[30:]:
        first.learn_one(rows)
        heir.learn_one(rows)
    assert {n: a.tobytes() for n, a in first.state().items()} == {n: a.tobytes() for n, a in heir.state().items()}


def test_a_mixer_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`linear` must have shape \(2, 2\); got \(2, 3\)"):
        Mixer(["a", "b"]).restore(Mixer(["a", "b", "c"]).state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial_weights": {"z": 1.0}}, "must name features"),
        ({"learning_rate": 0.0}, "must be > 0"),
        ({"units": -1}, "`units` >= 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mixer(["a"], **options)  # type: ignore[arg-type]


def test_raised_steps_are_larger_and_shrink_again() -> None:
    def moved(mixer: Mixer, rows: NDArray[np.uint8]) -> float:
        before = mixer.state()["linear"][0].copy()
        mixer.learn_one(rows)
        return float(np.abs(mixer.state()["linear"][0] - before).max())

    slow, quick = Mixer(["a", "b", "c"]), Mixer(["a", "b", "c"])
    for rows in some_steps(500):
        slow.learn_one(rows)
    quick.restore(slow.state())
    quick.raise_learning_rate(3.0)
    rows = some_steps(501)[-1]
    ratio = moved(quick, rows) / moved(slow, rows)
    assert 1.5 < ratio <= 3.01
    for rows in some_steps(400):
        slow.learn_one(rows)
        quick.learn_one(rows)
    assert moved(quick, rows) / moved(slow, rows) < ratio


def test_shares_are_the_softmax_of_the_scores() -> None:
    mixer = Mixer(["a", "b", "c"], units=8)
    for rows in some_steps(200):
        mixer.learn_one(rows)
    table = np.random.default_rng(5).integers(0, 256, (300, 3)).astype(np.uint8)  # more rows than one product takes
    odds = np.exp(mixer.score_many(table).astype(np.float64))
    assert mixer.shares(table) == pytest.approx(odds / odds.sum(), rel=1e-5)
