"""Whether all workers have folded the same model: their fingerprints at the same log offsets, compared."""

from collections import Counter, OrderedDict
from typing import Literal

from stream.records.log import FingerprintReport

OFFSETS = 8  # whose reports are kept
WORKERS = 1_000  # reports kept per offset

Comparison = Literal["alone", "agreed", "in the majority", "wrong"]


class FingerprintReports:
    """The newest reports of all workers, as this one folds them.

    >>> reports, digests = FingerprintReports("a"), {"a": "x", "b": "x", "c": "y"}
    >>> [reports.add(FingerprintReport(1, "", worker, False, 9, digest)) for worker, digest in digests.items()]
    ['alone', 'agreed', 'in the majority']
    """

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self._found: OrderedDict[int, dict[str, FingerprintReport]] = OrderedDict()

    def add(self, report: FingerprintReport) -> Comparison:
        """Keep a report; returns how this worker compares with the others at that offset.

        Most workers are right; among equal numbers those who agree with the worker that stores the model's
        snapshots, since the next worker to start loads one of them.
        """
        reports = self._found.setdefault(report.offset, {})
        if len(reports) < WORKERS:
            reports[report.worker] = report
        while len(self._found) > OFFSETS:
            self._found.popitem(last=False)
        own = reports.get(self.worker)
        if own is None or len(reports) == 1:
            return "alone"
        votes = Counter(other.digest for other in reports.values())
        if len(votes) == 1:
            return "agreed"
        kept = {other.digest for other in reports.values() if other.stores_model}
        best = max(votes, key=lambda digest: (votes[digest], digest in kept, digest))
        return "in the majority" if own.digest == best else "wrong"
