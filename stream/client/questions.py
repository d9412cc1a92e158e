"""Asks the model for lists over `requests` and `responses`, as a program without a gateway does."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from stream.config import Kafka
from stream.errors import CheckError
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.records.codec import encode
from stream.records.questions.reading import decode_answer, is_question
from stream.records.questions.records import OF_USERS, Question, QuestionAnswer, QuestionKind
from stream.records.topics import REQUESTS, RESPONSES, prefixed

POLL_MS = 100


class Asker:
    """One producer, and a consumer of all answers from now on.

    Attributes
    ----------
    partitions : of the users
    """

    def __init__(self, config: Kafka) -> None:
        partitions = check(config)
        self._requests = prefixed(config.namespace, REQUESTS)
        self.partitions, answers = partitions[self._requests], prefixed(config.namespace, RESPONSES)
        options = kafka_options(config)
        self._consumer = KafkaConsumer(**options, enable_auto_commit=False, fetch_max_wait_ms=POLL_MS)
        tps = [TopicPartition(answers, n) for n in range(partitions[answers])]
        self._consumer.assign(tps)
        for tp, end in self._consumer.end_offsets(tps).items():
            self._consumer.seek(tp, end)
        self._producer = KafkaProducer(**options, acks="all")

    def close(self) -> None:
        """Disconnect."""
        self._producer.close(timeout=1)
        self._consumer.close()

    def ask(self, kind: QuestionKind, within_s: float, **fields: Any) -> list[QuestionAnswer]:
        """The answers: of a list of items one, of users one for each partition that has answered in time.

        Raises
        ------
        CheckError
            if no worker answers in time
        """
        wanted = range(self.partitions) if kind in OF_USERS else range(1)
        names = {f"ask-{uuid4()}": partition for partition in wanted}
        for name, partition in names.items():
            question = Question(request_id=name, question=kind, deadline_ms=max(1, int(1000 * within_s)), **fields)
            self._producer.send(self._requests, value=encode(question), partition=partition)
        self._producer.flush(within_s)
        found, until = dict[str, QuestionAnswer](), time.monotonic() + within_s
        while len(found) < len(names) and (left := until - time.monotonic()) > 0:
            for records in self._consumer.poll(timeout_ms=min(POLL_MS, int(1000 * left) + 1)).values():
                for answer in _answers(records):
                    if answer.request_id in names:
                        found[answer.request_id] = answer
        if not found:
            raise CheckError(
                f"no worker has answered within {within_s:g} s: is one running, on this broker and namespace?"
            )
        return list(found.values())


def _answers(records: Sequence[Any]) -> list[QuestionAnswer]:
    read = [decode_answer(record.value) for record in records if is_question(record.value)]
    return [answer for answer in read if isinstance(answer, QuestionAnswer)]
