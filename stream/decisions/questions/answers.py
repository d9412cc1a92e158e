"""From a question to its answer, in parts of a millisecond."""

from collections.abc import Callable, Iterator

import numpy as np

from stream.decisions.arrivals import QuestionAsked
from stream.decisions.questions.users import FoundUser, audience, similar_users
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.ranking.lists.items import ItemLists, Listing
from stream.records.questions.records import MAX_LISTED, ListedItem, ListedUser, Question, QuestionAnswer
from stream.state.user import NOBODY as STRANGER

OF_ALL: dict[str, Callable[[ItemLists, int, float, str | None], Listing]] = {
    "popular": ItemLists.popular, "rising": ItemLists.rising, "latest": ItemLists.latest,
}  # fmt: skip


def answer_parts(model: Model, shard: Shard, asked: QuestionAsked) -> Iterator[QuestionAnswer | None]:
    """None after each part of the work, at last the answer.

    The model and the shard's users may change between two parts: each is as of then.
    """
    question, now = asked.question, asked.now
    if question.question in OF_ALL:
        lists = OF_ALL[question.question]
        yield _of_items(model, question, lists(model.item_lists, _wanted(model, question), now, question.category), now)
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
        anchors, of_item = np.array([item], np.int32), model.item_lists
        found = of_item.similar if question.question == "similar" else of_item.also_bought
        yield _of_items(model, question, found(anchors, _wanted(model, question), now), now)


def _wanted(model: Model, question: Question) -> int:
    """Items to look for: rules may take some away."""
    return question.k if model.ranker.rules is None else MAX_LISTED


def _of_items(model: Model, question: Question, found: Listing, now: float) -> QuestionAnswer:
    """The answer with those items that rules show to a stranger."""
    ids, rules = model.vocabulary.ids, model.ranker.rules
    if rules is not None:
        shown = np.flatnonzero(rules.offer(STRANGER, now, 0).showable(found.items))[: question.k]
        found = Listing(found.items[shown], found.scores[shown], tuple(found.because[n] for n in shown.tolist()))
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
