"""Metrics of a gateway."""

from collections.abc import Callable, Mapping
from typing import get_args

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.metrics.declare import Declare
from stream.records.requests import ResponseStatus
from stream.records.topics import EVENT_TOPICS, ITEMS, OUTCOMES, PLACED, RECOMMENDATIONS, RESPONSES, USERS

ANSWERED: tuple[str, ...] = get_args(ResponseStatus)
ASKED = (*ANSWERED, "full", "unsent")  # too many wait; Kafka did not take it
REQUEST_BUCKETS_S = (0.001, 0.002, 0.005, 0.007, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)


class GatewayMetrics:
    """Counts requests, in a registry of its own.

    Parameters
    ----------
    held : what some gauges read when they are scraped: slates, items, listeners, waiting, held_bytes, evicted, ready
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, held: Mapping[str, Callable[[], float]]) -> None:
        declare = Declare()
        self.registry = declare.registry
        self._requests = declare.counter("gateway_requests", "requests answered", "route", "method", "status")
        self._seconds = declare.histogram(
            "gateway_request_seconds", "from a request to its answer, without streams", REQUEST_BUCKETS_S, "route"
        )
        self.limited = declare.counter("gateway_limited", "requests over the rate limit")
        self._asked = declare.counter(
            "gateway_asked", "slates asked for, by what came of it: fresh, empty, late, busy, refused, full, unsent",
            "status",
        )  # fmt: skip
        for status in ASKED:
            self._asked.labels(status)
        self._asked_seconds = declare.histogram(
            "gateway_asked_seconds", "from a request for a slate to the worker's answer", REQUEST_BUCKETS_S
        )
        self._questions = declare.counter(
            "gateway_questions", "questions to the model, by what was asked and what came of it", "question", "status"
        )
        self._unreadable = declare.counter(
            "gateway_unreadable", "offsets that could not be read, stepped over, by topic", "topic"
        )
        for topic in (*EVENT_TOPICS.values(), ITEMS, USERS, RECOMMENDATIONS, PLACED, OUTCOMES, RESPONSES):
            self._unreadable.labels(topic.name)  # there from the start, at 0
        for name, text in (
            ("slates", "users whose slates are held"),
            ("items", "items of the catalogue that are held"),
            ("listeners", "open streams"),
            ("waiting", "requests for slates without an answer yet"),
            ("held_bytes", "of slates and items, about"),
            ("evicted", "slates and items dropped since the start because gateway.memory_mb was full"),
            ("ready", "1 when everything that was there at the start has been read"),
        ):
            declare.gauge(f"gateway_{name}", text).set_function(held[name])

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def unreadable(self, topic: str, offsets: int) -> None:
        """So many offsets of a topic could not be read."""
        self._unreadable.labels(topic).inc(offsets)

    def asked(self, status: str, seconds: float) -> None:
        """What came of a request for a slate."""
        self._asked.labels(status).inc()
        if status in ANSWERED:
            self._asked_seconds.observe(seconds)

    def questioned(self, question: str, status: str) -> None:
        """What came of a question to the model."""
        self._questions.labels(question, status).inc()

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(route, method, str(status)).inc()
        if not route.endswith("/stream"):
            self._seconds.labels(route).observe(seconds)
