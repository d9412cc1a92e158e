"""Requests for lists that the model answers; each is repeatable."""

from collections.abc import Iterable
from typing import Any

from stream.client.http.call import Call, in_path, joined, query_of, record_of
from stream.records.http.lists import Audience, CategoryItems, SimilarItems, SimilarUsers


def similar(
    item_id: str, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None,
) -> Call[SimilarItems]:  # fmt: skip
    """Items seen by the same users, or described alike; at most `k`, from 1 to 40, 20 if None."""
    query = query_of(k=k, exclude=exclude, fields=joined(fields), lang=lang)
    return Call("GET", f"/v1/items/{in_path(item_id)}/similar{query}", record_of(SimilarItems))


def also_bought(
    item_id: str, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None,
) -> Call[SimilarItems]:  # fmt: skip
    """Items bought by the same users; parameters as for `similar`."""
    query = query_of(k=k, exclude=exclude, fields=joined(fields), lang=lang)
    return Call("GET", f"/v1/items/{in_path(item_id)}/also-bought{query}", record_of(SimilarItems))


def _of_all(kind: str, category: str | None, **more: Any) -> Call[CategoryItems]:
    return Call("GET", f"/v1/{kind}{query_of(category=category, **more)}", record_of(CategoryItems))


def popular(
    category: str | None = None, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None,
) -> Call[CategoryItems]:  # fmt: skip
    """Items with the most events lately, of one category or all; other parameters as for `similar`."""
    return _of_all("popular", category, k=k, exclude=exclude, fields=joined(fields), lang=lang)


def rising(
    category: str | None = None, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None,
) -> Call[CategoryItems]:  # fmt: skip
    """Items with more events than of late; parameters as for `popular`."""
    return _of_all("rising", category, k=k, exclude=exclude, fields=joined(fields), lang=lang)


def latest(
    category: str | None = None, *, k: int | None = None, exclude: Iterable[str] = (), fields: Iterable[str] = (),
    lang: str | None = None,
) -> Call[CategoryItems]:  # fmt: skip
    """Items that were first mentioned last; parameters as for `popular`."""
    return _of_all("latest", category, k=k, exclude=exclude, fields=joined(fields), lang=lang)


def audience(
    item_id: str, *, k: int | None = None, lang: str | None = None, deadline_ms: int | None = None
) -> Call[Audience]:
    """Users who may want an item that they do not have; needs the scope catalogue or admin.

    Parameters
    ----------
    k : users, from 1 to 100; 20 if None
    deadline_ms : from 1 to 10,000, 2,000 if None: users of partitions that have not answered by then are missing
    """
    query = query_of(k=k, lang=lang, deadline_ms=deadline_ms)
    return Call("GET", f"/v1/items/{in_path(item_id)}/audience{query}", record_of(Audience))


def similar_users(
    user_id: str, *, k: int | None = None, lang: str | None = None, deadline_ms: int | None = None
) -> Call[SimilarUsers]:
    """Users who have the same items as one user; scope and parameters as for `audience`."""
    query = query_of(k=k, lang=lang, deadline_ms=deadline_ms)
    return Call("GET", f"/v1/users/{in_path(user_id)}/similar{query}", record_of(SimilarUsers))
