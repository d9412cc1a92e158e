"""Tokens of descriptions: words, wholes, and weights by their number."""

import math

import pytest

from learners.base import About
from learners.content.tokens import DIMENSIONS, READ_WORDS, count_tokens


def test_weights_grow_with_the_logarithm_of_the_count() -> None:
    found = count_tokens(About(title="Tea, green tea", text="TEA pot"))
    assert sorted(found.values()) == pytest.approx([1.0, 1.0, 1.0 + math.log(3)])
    assert all(0 <= token < DIMENSIONS for token in found)


def test_words_of_every_field_are_the_same_words() -> None:
    expected = count_tokens(About(title="tea"))
    assert count_tokens(About(text="Tea")) == count_tokens(About(tags=("tea",))) == expected


def test_categories_and_attributes_are_words_and_wholes() -> None:
    assert len(count_tokens(About(categories=("kitchen.pots",)))) == 3
    assert len(count_tokens(About(attributes={"brand": "acme", "new": True, "weight": 2.0, "size": None}))) == 2
    one, other = (count_tokens(About(attributes={"brand": brand})) for brand in ("acme", "zeta"))
    assert not set(one) & set(other)


def test_only_the_first_words_are_read() -> None:
    text = " ".join(f"word{n}" for n in range(READ_WORDS))
    assert count_tokens(About(text=text + " more")) == count_tokens(About(text=text))
    repeated = count_tokens(About(text="tea " * 5 * READ_WORDS))
    assert list(repeated.values()) == pytest.approx([1.0 + math.log(READ_WORDS)])
