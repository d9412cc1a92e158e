"""How metrics are declared: in a registry of their own, with the prefix `headwater_`."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

RECENT = 0.001  # weight of the newest value in running means: they look back about a thousand steps


class Declare:
    """A registry, and the three kinds of metrics in it; names in base units, labels with few values."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A number that only rises; the page adds `_total` to its name."""
        return Counter(f"headwater_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A number that rises and falls."""
        return Gauge(f"headwater_{name}", text, labels, registry=self.registry)

    def histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        """Counts of values by upper bound."""
        return Histogram(f"headwater_{name}", text, labels, buckets=buckets, registry=self.registry)

    def running_mean(self, name: str, text: str) -> "RunningMean":
        """A gauge of a running mean."""
        return RunningMean(self.gauge(name, text))


class RunningMean:
    """The mean of all values at first, of about the last thousand later."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge, self._values, self._mean = gauge, 0, 0.0

    def add(self, values: Sequence[float]) -> None:
        """Take values in their order."""
        for value in values:
            self._values += 1
            self._mean += max(RECENT, 1.0 / self._values) * (value - self._mean)
        if values:
            self._gauge.set(self._mean)
