"""Whether all workers have folded the same model: their fingerprints at the same log offsets, compared."""

from collections import Counter, OrderedDict
from typing import Literal

from stream.records.log import FingerprintReport

OFFSETS = 8  # whose marks are remembered
WORKERS = 1_000  # marks remembered per offset

Opinion = Literal["alone", "agreed", "in the majority", "wrong"]


class Marks:
    """The newest marks of all workers, as this one folds them.

    >>> marks = Marks("a")
    >>> [marks.add(FingerprintReport(1, "", worker, False, 9, digest)) for worker, digest in (("a", "x"), ("b", "x"), ("c", "y"))]
    ['alone', 'agreed', 'in the majority']
    """

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self._found: OrderedDict[int, dict[str, FingerprintReport]] = OrderedDict()

    def add(self, mark: FingerprintReport) -> Opinion:
        """Take a mark into account: how this worker stands at that offset.

        Most workers are right; among equal numbers those who agree with the keeper, since whoever starts next takes
        the keeper's snapshot.
        """
        marks = self._found.setdefault(mark.offset, {})
        if len(marks) < WORKERS:
            marks[mark.worker] = mark
        while len(self._found) > OFFSETS:
            self._found.popitem(last=False)
        own = marks.get(self.worker)
        if own is None or len(marks) == 1:
            return "alone"
        votes = Counter(other.digest for other in marks.values())
        if len(votes) == 1:
            return "agreed"
        kept = {other.digest for other in marks.values() if other.keeper}
        best = max(votes, key=lambda digest: (votes[digest], digest in kept, digest))
        return "in the majority" if own.digest == best else "wrong"
