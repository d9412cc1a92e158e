"""What an item's description says, as a bounded set of weighted tokens."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from learners.base import About

DIMENSIONS = 1 << 18  # tokens are hashed into so many: at 100,000 distinct tokens one in three shares its dimension
READ_WORDS = 1_000  # of an item; a longer text says nothing new
_WORD = re.compile(r"\w+")
_LOG = tuple(1.0 + math.log(count) if count else 0.0 for count in range(READ_WORDS + 1))


def count_tokens(about: About) -> dict[int, float]:
    r"""Return the dimension of every token and its weight $1 + \ln n$ after $n$ occurrences.

    Tokens are the lower-case words of title, tags, categories and text, and besides them every category and every
    textual or boolean attribute as a whole: `electronics.phone` is two words and one category.

    >>> sorted(count_tokens(About(title="Tea, green tea")).values())
    [1.0, 1.69]
    """
    counts = Counter(map(_dimension, chain(_wholes(about), islice(_words(about), READ_WORDS))))
    return {token: _LOG[min(count, READ_WORDS)] for token, count in counts.items()}


def _words(about: About) -> Iterator[str]:
    for text in (about.title, *about.tags, *about.categories, about.text):
        for match in _WORD.finditer(text.lower()):
            yield match.group()


def _wholes(about: About) -> Iterator[str]:
    for category in about.categories:
        yield f"category={category}"
    for name, value in about.attributes.items():
        if isinstance(value, str | bool):
            yield f"{name}={value}"


def _dimension(token: str) -> int:
    return zlib.crc32(token.encode()) % DIMENSIONS
