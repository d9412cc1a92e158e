"""What an item's description says, as a bounded set of weighted tokens."""

import math
import zlib
from collections.abc import Iterator
from itertools import chain, islice

from learners.base import About
from learners.content.words import composed, words

DIMENSIONS = 1 << 18  # tokens are hashed into so many: at 100,000 distinct tokens one in three shares its dimension
READ_WORDS = 1_000  # of an item; a longer text says nothing new


def count_tokens(about: About) -> dict[int, float]:
    r"""Return the dimension of every token and its weight $w (1 + \ln n)$ after $n$ occurrences.

    Tokens are the words of title, tags, categories and text (see `words`: any script; $w$ is 1, and less for a single
    sign that is also part of a pair), and besides them every category and every textual or boolean attribute as a
    whole: `electronics.phone` is two words and one category.

    >>> sorted(count_tokens(About(title="Tea, green tea")).values())
    [1.0, 1.69]
    """
    counts: dict[int, int] = {}
    weights: dict[int, float] = {}
    for token, weight in chain(((whole, 1.0) for whole in _wholes(about)), islice(_words(about), READ_WORDS)):
        dimension = _dimension(token)
        counts[dimension] = counts.get(dimension, 0) + 1
        weights[dimension] = max(weights.get(dimension, 0.0), weight)
    return {dimension: weights[dimension] * (1.0 + math.log(count)) for dimension, count in counts.items()}


def _words(about: About) -> Iterator[tuple[str, float]]:
    for text in (about.title, *about.tags, *about.categories, about.text):
        yield from words(text)


def _wholes(about: About) -> Iterator[str]:
    for category in about.categories:
        yield f"category={composed(category)}"
    for name, value in about.attributes.items():
        if isinstance(value, str | bool):
            yield f"{name}={composed(str(value))}"


def _dimension(token: str) -> int:
    return zlib.crc32(token.encode()) % DIMENSIONS
