"""What is an id, and what is none."""

import sys
import unicodedata

import pytest

from stream.records.ids import fault, in_column, in_query, length_fault

NONE = [
    "", " ", " u1", "u1 ", "u1\n", "\tu1", "u\x00", "u\x7f1", "u\x85", "u\u00a0", "\u3000u", "u\u200b", "\ufeffu",
    "u\u202e1",
    "u\u200d1", "u\u00ad1", "u\ufe0f", "\u3164", "\u2800", "u\u2028", "u\U000e0041", "\ud800", "u" * 257, "é" * 129,
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_id(text: str) -> None:
    wrong = fault(text)
    assert wrong.startswith("must ")
    assert wrong.isprintable()  # a log line cannot be forged through it
    assert len(wrong) < 500


@pytest.mark.parametrize(
    "text",
    [
        "u",
        "0",
        "-",
        "a b",
        "a,b",
        "a/b",
        "%00",
        "é",
        "e\u0301",
        "商品",
        "สินค้า",
        "😀",
        "u" * 256,
        "é" * 128,
        "0663713001",
    ],
)
def test_what_is_an_id_stays_as_it_is(text: str) -> None:
    assert fault(text) == ""
    assert in_column(f" {text}\t") == text


def test_nothing_that_unicode_calls_control_format_or_separator_passes() -> None:
    seen = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") and not fault(f"a{character}b")
    ]
    assert seen == []
    spaces = [chr(n) for n in range(sys.maxunicode + 1) if chr(n).isspace() and not fault(f"a{chr(n)}")]
    assert spaces == []
    passing = [
        chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Cf" and not fault(f"a{chr(n)}b")
    ]
    # Signs of numbers in Arabic, Syriac, Kaithi and hieroglyphs: they have a form of their own, or join what is seen.
    assert all(
        "ARABIC" in unicodedata.name(each) or unicodedata.name(each).split()[0] in ("SYRIAC", "KAITHI", "EGYPTIAN")
        for each in passing
    )


def test_what_is_to_be_deleted_has_only_a_length() -> None:
    assert length_fault("u1 \x00") == ""
    assert length_fault("")
    assert length_fault("u" * 257)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("k=5", []),
        ("x=a", ["a"]),
        ("x=a,b&k=1&x=c", ["a", "b", "c"]),
        ("x=,,a,", ["a"]),
        ("x=a%2Cb", ["a", "b"]),
        ("x=c%2Cd", ["c,d"]),
        ("x=c,d", ["c", "d"]),
        ("x=c%2Cd,a", ["c,d", "a"]),
        ("x=a+b,%C3%A9&%78=z", ["a b", "é", "z"]),
        ("x", []),
    ],
)
def test_ids_of_a_query(query: str, expected: list[str]) -> None:
    assert in_query(query, "x", {"c,d"}.__contains__) == expected


@pytest.mark.parametrize("query", ["x=a%00", "x=a, b", "x=%E2%80%8B", "x=a%2C%20b"])
def test_a_query_with_what_is_no_id(query: str) -> None:
    with pytest.raises(ValueError, match="x: must "):
        in_query(query, "x", {"c,d"}.__contains__)
