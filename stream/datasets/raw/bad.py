"""Lines of a file that cannot be read: the error that names one, and the account of all that were left out."""

import re
from collections import Counter
from collections.abc import Callable

from stream.errors import UsageError

SHOWN = 5  # of the errors, in the order of the file
# What differs from line to line within one reason: what came, and where in the line.
_PARTICULAR = re.compile(r"(; got | \(byte ).*$", re.DOTALL)


class FormatError(UsageError, ValueError):
    """A file, or a line of it, does not have its format.

    >>> error = at("log.csv", 7, "must have 4 columns; got 3")
    >>> str(error), error.reason
    ('log.csv line 7: must have 4 columns; got 3', 'must have 4 columns')
    """

    reason = ""  # of a line, without what came: lines that fail alike have it in common


OnBad = Callable[[FormatError], None]


def at(path: object, number: int, says: object) -> FormatError:
    """Return the error of one line, numbered from 1."""
    error = FormatError(f"{path} line {number}: {says}")
    error.reason = _PARTICULAR.sub("", str(says))
    return error


def stop(error: FormatError) -> None:
    """Answer the first invalid line by an end."""
    raise error


class LeftOut:
    """Counts the invalid lines of a file by reason, and keeps the first few.

    >>> left_out = LeftOut()
    >>> for number in (3, 9):
    ...     left_out(at("log.csv", number, "must have 4 columns; got 3"))
    >>> print(left_out)
    2 lines left out: 2 must have 4 columns
      log.csv line 3: must have 4 columns; got 3
      log.csv line 9: must have 4 columns; got 3
    """

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: list[FormatError] = []

    def __call__(self, error: FormatError) -> None:
        """Count the error of one line."""
        self.reasons[error.reason] += 1
        if len(self.first) < SHOWN:
            self.first.append(error)

    def __len__(self) -> int:
        return self.reasons.total()

    def __str__(self) -> str:
        counts = "; ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
        what = "1 line" if len(self) == 1 else f"{len(self):,} lines"
        return "\n  ".join([f"{what} left out: {counts}", *map(str, self.first)])
