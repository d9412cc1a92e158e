"""Metrics of load: how long events wait for their slates, how many are deferred, how near the limit the worker is."""

from stream.metrics.declare import Declare

WAIT_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300)


class LoadMetrics:
    """What waits in a worker, and why."""

    def __init__(self, declare: Declare) -> None:
        self._wait = declare.histogram(
            "slate_wait_seconds", "from the fetch of an event to its slate, deferred ones included", WAIT_BUCKETS_S
        )
        self._deferrals = declare.counter("slate_deferrals", "slates that were not made at once, for lack of time")
        self._at_limit = declare.gauge("at_limit", "1 while slates are deferred, or events late, for lack of time")
        self.utilisation = declare.gauge(
            "utilisation_ratio", "share of the last seconds in the steps of the loop; Kafka's clients take the rest"
        )
        capacity = declare.gauge(
            "capacity_events_per_second",
            "events that would fill all of the time, as measured, Kafka's left out",
            "slates",
        )
        self.capacity = {share: capacity.labels(name) for share, name in ((1.0, "each"), (0.0, "none"))}

    def waited(self, seconds: float, slates: int) -> None:
        """Slates were sent."""
        for _ in range(slates):
            self._wait.observe(seconds)

    def deferred(self, slates: int) -> None:
        """Slates were put off."""
        self._deferrals.inc(slates)

    def at_limit(self, *, reached: bool) -> None:
        """The limit was reached, or left."""
        self._at_limit.set(reached)
