"""Laws that every bandit and every TD agent obeys, public so that one from elsewhere can be held to them.

``yield_arm_checks(make)`` yields named checks for what ``make(arms)`` builds; each builds its own and raises
``LawBrokenError`` with what was found.
"""

import math
import pickle
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Arms, Pull
from bandits.checks import FALSE_ALARM, Check, LawBrokenError
from bandits.explore import draw

Floats = NDArray[np.float64]
Maker = Callable[[int], Arms]
ARMS, FEATURES = 4, 3  # of the standard world
CHANCES = np.array([0.2, 0.8, 0.5, 0.3])  # of a reward of 1
PLAYS = 1_500


def yield_arm_checks(make: Maker) -> Iterator[Check]:
    """Yield every check for the bandits that ``make(arms)`` builds."""
    name = make(ARMS).name
    for check in _CHECKS:
        yield Check(f"{name}:{check.__name__}", partial(check, make))


def moment(rng: np.random.Generator) -> Floats:
    """Features of a moment, of length 1."""
    x = rng.random(FEATURES) + 0.1
    return np.asarray(x / np.linalg.norm(x))


def played(
    bandit: Arms, plays: int, seed: int = 0, late: int = 0, world: Callable[[int, Floats], Floats] | None = None
) -> Floats:
    """Let it play; feedback comes about ``late`` plays later, out of order. Its regret, per play.

    ``world`` gives the chances of all arms at play n and features x; without one it is the standard world.
    """
    rng, waiting, missed = np.random.default_rng(seed), list[Pull](), np.zeros(plays)
    for n in range(plays):
        x = moment(rng)
        chances = np.resize(CHANCES, len(bandit)) if world is None else world(n, x)
        pmf = bandit.pmf(x)
        arm = draw(pmf, rng.random())
        missed[n] = chances.max() - chances[arm]
        waiting.append(Pull(arm, float(rng.random() < chances[arm]), float(pmf[arm]), x))
        if len(waiting) > late:
            bandit.learn_one(waiting.pop(int(rng.integers(len(waiting)))))
    return missed


def _require(holds: bool, bandit: Arms, law: str) -> None:
    if not holds:
        raise LawBrokenError(f"bandit {bandit.name!r}: {law}")


def _bytes(bandit: Arms) -> bytes:
    return b"".join(array.tobytes() for array in bandit.state().values())


def check_pmf(make: Maker) -> None:
    """Probabilities add up to 1, and every arm has at least its share of the floor."""
    bandit, rng = make(ARMS), np.random.default_rng(1)
    for _ in range(5):
        pmf = bandit.pmf(moment(rng))
        _require(pmf.shape == (ARMS,), bandit, f"pmf must have one number an arm; got {pmf.shape}")
        _require(abs(pmf.sum() - 1.0) < 1e-9, bandit, f"probabilities must add up to 1; got {pmf.sum()}")
        _require(pmf.min() >= bandit.floor / ARMS - 1e-12, bandit, f"every arm must have its floor; got {pmf.min()}")
        played(bandit, 60)


def check_pmf_changes_nothing(make: Maker) -> None:
    """Asking twice gives the same answer, and leaves the state as it was."""
    bandit, rng = make(ARMS), np.random.default_rng(2)
    played(bandit, 100)
    before, x = _bytes(bandit), moment(rng)
    _require(bandit.pmf(x).tolist() == bandit.pmf(x).tolist(), bandit, "the same question must get the same answer")
    _require(_bytes(bandit) == before, bandit, "pmf must not change the state")


def check_draws_agree(make: Maker) -> None:
    """Draws are as frequent as their probability says, within a bound that is exceeded once in a billion."""
    bandit, rng, n = make(ARMS), np.random.default_rng(3), 20_000
    played(bandit, 100)
    pmf = bandit.pmf(moment(rng))
    counts = np.bincount([draw(pmf, u) for u in rng.random(n)], minlength=ARMS)
    bound = math.sqrt(math.log(2 * ARMS / FALSE_ALARM) / (2 * n))  # Hoeffding
    _require(float(np.abs(counts / n - pmf).max()) < bound, bandit, "draws must agree with their probabilities")


def check_same_feedback_same_state(make: Maker) -> None:
    """The same feedback gives the same bytes; a pickled or restored bandit goes on as the original does."""
    first, second, third = make(ARMS), make(ARMS), make(ARMS)
    played(first, 200)
    played(second, 200)
    _require(_bytes(first) == _bytes(second), first, "the same feedback must give the same state")
    third.restore({name: array.copy() for name, array in first.state().items()})
    for twin in (pickle.loads(pickle.dumps(first)), third):  # noqa: S301  our own bytes, made in this line
        original = pickle.loads(pickle.dumps(first))  # noqa: S301
        played(original, 100, seed=5)
        played(twin, 100, seed=5)
        _require(_bytes(original) == _bytes(twin), first, "a copy must go on as the original does")


def check_late_feedback(make: Maker) -> None:
    """Feedback that comes fifty plays late and out of order teaches as well; regret halves against uniform plays."""
    bandit = make(ARMS)
    missed = played(bandit, PLAYS, late=50)
    uniform = float((CHANCES.max() - CHANCES).mean())
    _require(float(missed[-500:].mean()) < 0.6 * uniform, bandit, "late feedback must teach")


def check_duplicates_do_no_harm(make: Maker) -> None:
    """Feedback that comes twice counts twice and breaks nothing."""
    bandit, rng = make(ARMS), np.random.default_rng(4)
    for n in range(100):
        pull = Pull(n % ARMS, float(n % 2), 0.25, moment(rng))
        bandit.learn_one(pull)
        bandit.learn_one(pull)
    for name, array in bandit.state().items():
        _require(bool(np.isfinite(array).all()), bandit, f"{name} must be finite")
    _require(abs(bandit.pmf(moment(rng)).sum() - 1.0) < 1e-9, bandit, "probabilities must still add up to 1")


def check_new_arms(make: Maker) -> None:
    """An arm that joins late is played, and found if it is the best."""
    bandit = make(1)
    played(bandit, 100)
    _require(bandit.add_arm() == 1, bandit, "add_arm must return the number of the new arm")
    _require(bandit.pmf(moment(np.random.default_rng(0))).shape == (2,), bandit, "pmf must cover the new arm")
    missed = played(bandit, PLAYS, seed=6)  # the new arm is the better one
    _require(float(missed[-300:].mean()) < 0.25, bandit, "a new arm that is the best must be found")


def check_bounded_state(make: Maker) -> None:
    """Learning does not make the state larger."""
    bandit = make(ARMS)
    played(bandit, 100)
    size = sum(array.nbytes for array in bandit.state().values())
    played(bandit, 400)
    _require(sum(array.nbytes for array in bandit.state().values()) == size, bandit, "the state must not grow")


def check_regret_is_sublinear(make: Maker) -> None:
    """What is missed per play falls: the last third misses less than the first, and half of what uniform plays do.

    Beyond the floor, which goes on for ever.
    """
    bandit = make(ARMS)
    missed = played(bandit, PLAYS, seed=7)
    uniform = float((CHANCES.max() - CHANCES).mean())
    third = PLAYS // 3
    _require(float(missed[-third:].mean()) < float(missed[:third].mean()), bandit, "regret per play must fall")
    _require(float(missed[-third:].mean()) < 0.6 * uniform, bandit, "regret must be well below that of uniform plays")


_CHECKS: tuple[Callable[[Maker], None], ...] = (
    check_pmf,
    check_pmf_changes_nothing,
    check_draws_agree,
    check_same_feedback_same_state,
    check_late_feedback,
    check_duplicates_do_no_harm,
    check_new_arms,
    check_bounded_state,
    check_regret_is_sublinear,
)
