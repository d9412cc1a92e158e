"""From a question to its answer, in parts of a millisecond."""

from collections.abc import Callable, Iterator

import numpy as np

from stream.decisions.arrivals import QuestionAsked
from stream.decisions.questions.users import FoundUser, audience, similar_users
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.ranking.lists.items import Listing
from stream.records.questions.records import ListedItem, ListedUser, Question, QuestionAnswer

OF_ALL: dict[str, Callable[[Model, Question, float], Listing]] = {
    "popular": lambda model, asked, now: model.item_lists.popular(asked.k, now, asked.category),
    "rising": lambda model, asked, now: model.item_lists.rising(asked.k, now, asked.category),
    "latest": lambda model, asked, now: model.item_lists.latest(asked.k, now, asked.category),
}


def answer_parts(model: Model, shard: Shard, asked: QuestionAsked) -> Iterator[QuestionAnswer | None]:
    """None after each part of the work, at last the answer.

    The model and the shard's users may change between two parts: each is as of then.
    """
    question, now = asked.question, asked.now
    if question.question in OF_ALL:
        yield _of_items(model, question, OF_ALL[question.question](model, question, now))
        return
    of = question.of or ""
    if question.question == "similar_users":
        users = similar_users(model, shard.users, of, question.k)
        if users is None:
            yield _unknown(model, question, f"user {of!r}: the model knows no item of theirs")
            return
        yield from _of_users(model, question, users)
        return
    item = model.vocabulary.index(of)
    if item < 0:
        yield _unknown(model, question, f"item {of!r}: the model knows no such item, by an event or the catalogue")
    elif question.question == "audience":
        yield from _of_users(model, question, audience(model, shard.users, item, question.k, now))
    else:
        lists, anchors = model.item_lists, np.array([item], np.int32)
        found = lists.similar if question.question == "similar" else lists.also_bought
        yield _of_items(model, question, found(anchors, question.k, now))


def _of_items(model: Model, question: Question, found: Listing) -> QuestionAnswer:
    ids = model.vocabulary.ids
    rows = zip(found.items.tolist(), found.scores.tolist(), found.because, strict=True)
    return QuestionAnswer(
        request_id=question.request_id, question=question.question, status="answered", model_version=model.offset,
        items=[ListedItem(ids[item], score, because) for item, score, because in rows],
    )  # fmt: skip


def _of_users(
    model: Model, question: Question, parts: Iterator[list[FoundUser] | None]
) -> Iterator[QuestionAnswer | None]:  # fmt: skip
    for found in parts:
        if found is None:
            yield None
            continue
        yield QuestionAnswer(
            request_id=question.request_id, question=question.question, status="answered", model_version=model.offset,
            users=[ListedUser(user_id, score, model.vocabulary.ids[through]) for user_id, score, through in found],
        )  # fmt: skip


def _unknown(model: Model, question: Question, reason: str) -> QuestionAnswer:
    return QuestionAnswer(
        request_id=question.request_id, question=question.question, status="unknown", model_version=model.offset,
        reason=reason,
    )  # fmt: skip
