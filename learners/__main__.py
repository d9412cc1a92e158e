"""`python -m learners NAME...`: hold sources to their laws, built-in ones and those of installed distributions.

Prints every check with pass or FAIL and the law that was broken. The exit code is 0 if all passed, 1 if not, 2 if a
name is unknown. Without a name, all names are printed. With `--timing` no check is run, but the time of learning and
asking, and the size of what was learned, are measured with 10,000 and with 1,000,000 items.
"""

import sys
import time
from collections.abc import Callable, Sequence

from learners.checks import Check, yield_checks
from learners.registry import LearnerError, learner_names, make_learner
from learners.timing import ITEMS, measure


def main(names: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Run all checks of the named sources; returns the exit code."""
    if names[:1] == ["--timing"]:
        return _time(names[1:], write)
    if not names:
        write("usage: python -m learners [--timing] NAME...\n" + "".join(f"  {name}\n" for name in learner_names()))
        return 2
    try:
        checks = [check for name in names for check in yield_checks(make_learner(name))]
    except LearnerError as error:
        write(f"{error}\n")
        return 2
    broken = sum([not _passes(check, write) for check in checks])
    write(f"{len(checks) - broken} of {len(checks)} passed\n")
    return 1 if broken else 0


def _time(names: Sequence[str], write: Callable[[str], object]) -> int:
    """Measure sources with few and with many items; returns the exit code."""
    for name in names:
        try:
            timings = [measure(make_learner(name), items, time.process_time) for items in ITEMS]
        except LearnerError as error:
            write(f"{error}\n")
            return 2
        for timing in timings:
            write(
                f"{name} {timing.items:9,d} items: learn {timing.learn_us:6.1f} us, query {timing.query_us:6.1f} us, "
                f"{timing.item_bytes:5.0f} bytes an item, {timing.event_bytes:5.0f} an event\n"
            )
    return 0


def _passes(check: Check, write: Callable[[str], object]) -> bool:
    """Run one check. A source that raises breaks a law as well as one that answers wrongly."""
    try:
        check.run()
    except Exception as error:
        why = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        write(f"{check.id} FAIL: {why}\n")
        return False
    write(f"{check.id} pass\n")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
