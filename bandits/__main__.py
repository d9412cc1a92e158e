"""`python -m bandits NAME...`: hold policies and bandits to their laws, built-in ones and those that are installed.

Prints every check with pass or FAIL and the law that was broken. The exit code is 0 if all passed, 1 if not, 2 if a
name is unknown. Without a name, all names are printed. `--timing` prints microseconds per decision and per update.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bandits.arm_checks import FEATURES, moment, yield_arm_checks
from bandits.arms import BANDITS, Arms, Pull
from bandits.checks import Check, train, yield_checks
from bandits.explore import draw
from bandits.registry import make_policy, policy_names

SIZES = (8, 64, 512)  # arms
PLAYS = 200  # of slates, and of eight arms; fewer of many


def make_bandit(name: str, arms: int) -> Arms:
    """One of `BANDITS`, with its defaults."""
    kind = BANDITS[name]
    return kind(arms, features=FEATURES) if kind.contextual else kind(arms)  # type: ignore[call-arg]


def checks_of(name: str) -> Iterator[Check]:
    """Laws of a slate policy, or of a bandit.

    Raises
    ------
    ValueError
        if there is neither of that name
    """
    if name in BANDITS:
        return yield_arm_checks(lambda arms: make_bandit(name, arms))
    return yield_checks(make_policy(name, sources=4, slots=6, n_states=3))


def main(arguments: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Run all checks of the named policies and bandits; returns the exit code."""
    if list(arguments) == ["--timing"]:
        write(_timings())
        return 0
    if not arguments:
        names = [*policy_names(), *sorted(BANDITS)]
        write("usage: python -m bandits NAME... | --timing\n" + "".join(f"  {name}\n" for name in names))
        return 2
    try:
        checks = [check for name in arguments for check in checks_of(name)]
    except ValueError as error:
        write(f"{error}\n")
        return 2
    broken = sum([not _passes(check, write) for check in checks])
    write(f"{len(checks) - broken} of {len(checks)} passed\n")
    return 1 if broken else 0


def _passes(check: Check, write: Callable[[str], object]) -> bool:
    """Run one check. A policy that raises breaks a law as well as one that answers wrongly."""
    try:
        check.run()
    except Exception as error:
        why = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        write(f"{check.id} FAIL: {why}\n")
        return False
    write(f"{check.id} pass\n")
    return True


def _timings() -> str:
    lines = [f"{'µs per decision / update':28}" + "".join(f"{f'{arms} arms':>18}" for arms in SIZES)]
    for name in sorted(BANDITS):
        cells = ("{:.1f} / {:.1f}".format(*_bandit_us(name, arms)) for arms in SIZES)
        lines.append(f"{name:28}" + "".join(f"{cell:>18}" for cell in cells))
    lines.append(f"{'slates of 20':28}" + "".join(f"{f'{sources} sources':>18}" for sources in (8, 64)))
    for name in policy_names():
        cells = ("{:.1f} / {:.1f}".format(*_slate_us(name, sources)) for sources in (8, 64))
        lines.append(f"{name:28}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines) + "\n"


def _bandit_us(name: str, arms: int) -> tuple[float, float]:
    bandit, rng, deciding, learning = make_bandit(name, arms), np.random.default_rng(1), 0.0, 0.0
    plays = max(5, 8 * PLAYS // arms)
    for n in range(plays):
        x, u, reward = moment(rng), rng.random(), float(rng.random() < 0.3)
        start = time.perf_counter()
        pmf = bandit.pmf(x)
        arm = draw(pmf, u)
        between = time.perf_counter()
        bandit.learn_one(Pull(arm, reward, float(pmf[arm]), x))
        if n:  # the first one loads things
            deciding, learning = deciding + between - start, learning + time.perf_counter() - between
    return 1e6 * deciding / (plays - 1), 1e6 * learning / (plays - 1)


def _slate_us(name: str, sources: int) -> tuple[float, float]:
    policy, rng = make_policy(name, sources=sources, slots=20), np.random.default_rng(1)
    lists = np.stack([rng.permutation(300)[:20] for _ in range(sources)]).astype(np.int32)
    policy.draw(0, lists, rng.random(20))
    train(policy, 50, "timing")
    uniforms = rng.random((PLAYS, 20))
    start = time.perf_counter()
    for row in uniforms:
        policy.draw(0, lists, row)
    deciding = (time.perf_counter() - start) * 1e6 / PLAYS
    start = time.perf_counter()
    train(policy, PLAYS, "timing")  # draws once per update, and makes up its world
    return deciding, max(0.0, (time.perf_counter() - start) * 1e6 / PLAYS - deciding)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
