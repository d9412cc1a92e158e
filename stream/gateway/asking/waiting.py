"""Who waits for the answer to which request: a bounded map, of this gateway's requests only."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from secrets import token_hex

from stream.records.questions.records import QuestionAnswer
from stream.records.requests import Response

Reply = Response | QuestionAnswer


class FullError(Exception):
    """As many wait as may."""


class Waiting:
    """Requests without an answer yet.

    Parameters
    ----------
    most : that may wait at once
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.prefix = f"{token_hex(6)}-"  # of the ids of this gateway's requests, another after each start
        self._numbers = count()
        self._answers: dict[str, asyncio.Future[Reply]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    @contextmanager
    def one(self) -> "Iterator[tuple[str, asyncio.Future[Reply]]]":
        """The id of a new request and its answer to be, which is waited for as long as the context is open.

        Raises
        ------
        FullError
            if `most` wait already
        """
        if len(self._answers) >= self.most:
            raise FullError
        request_id = f"{self.prefix}{next(self._numbers)}"
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        try:
            yield request_id, answer
        finally:
            del self._answers[request_id]
            answer.cancel()

    def answer(self, response: Reply) -> None:
        """Take in an answer; one that nobody waits for any more, or that came before, is passed over."""
        waiting = self._answers.get(response.request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
