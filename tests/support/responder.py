"""The worker's side of requests: reads what gateways ask for from a real Kafka, and answers as a test says."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from stream.records.codec import Rejection, decode_request, encode
from stream.records.requests import Request, Response
from stream.records.schemas import Recommendation, Slot
from stream.records.topics import REQUESTS, RESPONSES
from tests.support.kafka_site import Site

FAR_S = 1e11  # any timestamp is before it
Answers = Callable[[Request], Iterable[Response]]


def nothing(_: Request) -> Iterable[Response]:
    """No answer."""
    return ()


def made(request: Request, version: int = 1_000, epoch: int = 5, items: Iterable[str] = "abc") -> Recommendation:
    """A slate as a worker makes it for a request."""
    slots = [Slot(item, 0.5, "ranked", 0.25) for item in items if item not in request.exclude][: request.k or 20]
    return Recommendation(
        user_id=request.user_id, decision_id=f"{epoch}.{version}.0", event_id=None, timestamp=request.timestamp or 0.0,
        model_version=version, epoch=epoch, policy="ranked", slots=slots,
    )  # fmt: skip


def fresh(request: Request) -> Iterable[Response]:
    """A slate."""
    yield answer(request, made(request))


def answer(request: Request, slate: Recommendation) -> Response:
    """The response with a slate."""
    return Response(request_id=request.request_id, user_id=request.user_id, status="fresh", recommendation=slate)


class Responder:
    """Answers requests in a thread, from where `requests` ends when it begins; `asked` are all that came.

    Parameters
    ----------
    answers : to a request; may be replaced at any time
    """

    def __init__(self, site: Site, answers: Answers = fresh) -> None:
        self.site, self.answers, self.asked = site, answers, list[Request]()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="responder")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def of(self, user_id: str) -> list[Request]:
        """What has been asked for a user."""
        return [each for each in list(self.asked) if each.user_id == user_id]

    def _run(self) -> None:
        with self.site.reader(REQUESTS) as consumer:
            consumer.seek_to_end()
            for tp in consumer.assignment():
                consumer.position(tp)
            self._ready.set()
            while not self._ends.is_set():
                for records in consumer.poll(timeout_ms=50).values():
                    for record in records:
                        self._take(record.key, record.value)

    def _take(self, key: bytes | None, value: bytes) -> None:
        request = decode_request(key, value, FAR_S)
        assert not isinstance(request, Rejection), request
        self.asked.append(request)
        for response in self.answers(request):
            self.site.write(RESPONSES, key, encode(response))
        self.site.producer.flush(10)
