"""What the columns of each layout mean."""

import pytest

from stream.datasets.layouts import LAYOUTS, film
from stream.records.schemas import Item


@pytest.mark.parametrize(
    ("stars", "kind"), [("5", "purchase"), ("4.5", "purchase"), ("4", "click"), ("3.5", "click"), ("3", "view")]
)
def test_ratings_are_events(stars: str, kind: str) -> None:
    line = LAYOUTS["movielens"].parse(["u", "i", stars, "1000000000"])
    assert line is not None
    assert line.kind == kind


@pytest.mark.parametrize(
    ("name", "line"), [("csv", None), ("taobao", ["1", "2", "3", "pv", "4"]), ("rees46", None), ("movielens", None)]
)
def test_a_layout_has_a_header_or_recognises_its_lines(name: str, line: list[str] | None) -> None:
    layout = LAYOUTS[name]
    assert layout.header == (line is None)
    if line is not None:
        assert layout.recognises(line)
        assert not layout.recognises(line[:-1])
        assert not layout.recognises([*line[:3], "look", line[4]])


def test_items_of_a_line() -> None:
    describe = LAYOUTS["rees46"].describe
    assert describe is not None
    assert describe("i", ("", "21", "", "")) == Item(item_id="i", categories=["21"])
    assert film("1", "Up (2009)", "(no genres listed)") == Item(item_id="1", title="Up (2009)")
    with pytest.raises(ValueError, match="`movieId` must not be empty"):
        film("", "Up (2009)", "Drama")
