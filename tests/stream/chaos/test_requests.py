"""The auditor of requests: what it must notice, shown on answers and decisions written by hand."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from stream.chaos.pauses import Pauses
from stream.chaos.requests import RequestLedger, Requests
from stream.records.codec import encode
from stream.records.log import Decision
from stream.records.requests import Request, Response, ResponseStatus
from stream.records.schemas import Recommendation

T = 1_700_000_000.0


class Asked:
    """A ledger that knows of three requests of one user, the last one with a deadline."""

    def __init__(self) -> None:
        self.broken, self.pauses = Counter[str](), Pauses(time.time())
        self.ledger = RequestLedger(self.broken, self.pauses)
        for n in range(3):
            request = Request(request_id=f"r-{n}", user_id="u1", deadline_ms=100 if n == 2 else None)
            self.ledger.acknowledge(self.ledger.send(request))

    def answer(
        self, n: int, status: ResponseStatus = "fresh", decision: str = "", *, epoch: int = 0, user: str = "u1",
        at: float = 1.0,
    ) -> None:  # fmt: skip
        """Answer one of them, so many seconds from now."""
        made = None if not decision else Recommendation(
            user_id=user, decision_id=decision, event_id=None, timestamp=T, model_version=1, epoch=epoch, policy="p",
            slots=[],
        )  # fmt: skip
        response = Response(request_id=f"r-{n}", user_id=user, status=status, recommendation=made)
        self.ledger.respond(encode(response), 4, int(1000 * (time.time() + at)))

    def decide(self, n: int, decision: str, at: float = 2.0) -> None:
        """The log has a decision, as of so many seconds from now."""
        made = Decision(decision, T, "p", 0.0, 0, 0, [], b"", b"", b"", b"", b"", request_id=f"r-{n}")
        self.ledger.decide(made, int(1000 * (time.time() + at)))

    def close(self) -> Requests:
        return self.ledger.close([time.time() + 0.5])


def test_a_run_without_a_fault() -> None:
    asked = Asked()
    asked.answer(0, decision="0.0.0")
    asked.answer(1, "empty")
    assert asked.ledger.unanswered() == 1
    asked.answer(2, "late", at=3.0)
    asked.decide(0, "0.0.0")
    for decision in ("0.0.0", "another"):
        asked.ledger.settle(decision)
    found = asked.close()
    assert found == Requests(
        3,
        3,
        0,
        {"fresh": 1, "empty": 1, "late": 1},
        0,
        1,
        1,
        3,
        pytest.approx(3.0, abs=0.5),  # type: ignore[arg-type]
    )
    assert not +asked.broken
    assert asked.pauses.standstills()[0].where == "requests/4", "a request that waits is a pause, as an event is"


def test_the_next_owner_may_answer_again_with_another_slate_and_one_of_the_two_counts() -> None:
    asked = Asked()
    for epoch in (0, 0, 7):
        asked.answer(0, decision=f"{epoch}.0.0", epoch=epoch)
    asked.decide(0, "7.0.0")
    found = asked.close()
    assert (found.answers, found.repeated, found.unanswered) == ({"fresh": 1}, 2, 2)
    assert not +asked.broken


@pytest.mark.parametrize(
    ("what", "law"),
    [
        (lambda asked: [asked.answer(0, decision=each) for each in "ab"], "answered by one owner with two slates"),
        (lambda asked: [asked.decide(0, each) for each in "bb"], "requests decided twice"),
        (lambda asked: asked.decide(0, "a"), "decisions that no answer holds"),
        (lambda asked: [asked.answer(0, decision="a", at=5.0), asked.decide(0, "a")], "answered after the log had it"),
        (lambda asked: asked.answer(1, "late"), "late without a deadline"),
        (lambda asked: asked.answer(9, "empty"), "answers to what nobody asked"),
        (lambda asked: asked.answer(1, "empty", user="u2"), "answers to what nobody asked"),
        (lambda asked: asked.decide(9, "a"), "decisions for what nobody asked"),
    ],
)
def test_what_may_not_be_is_counted(what: Callable[[Asked], object], law: str) -> None:
    asked = Asked()
    what(asked)
    asked.close()
    assert asked.broken[law] == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.chaos.requests.REMEMBERED", 2)
    asked = Asked()
    assert len(asked.ledger._asked) == 2
