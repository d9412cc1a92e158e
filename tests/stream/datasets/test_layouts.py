"""What the columns of a layout mean."""

import re
from pathlib import Path

import pytest

from stream.datasets.layouts import ROLES, Layout, Line, clock, describe, film, parser, unit_of
from stream.datasets.raw.bad import FormatError
from stream.datasets.readers import read
from stream.datasets.ready import READY
from stream.records.schemas import Item
from stream.records.times import seconds

FILMS = READY["movielens"][0]


def parsed(layout: Layout, fields: dict[str, str], unit: str | None = None) -> Line | None:
    names = {role: names[0] for role, names in layout.columns.items()}
    return parser(layout, names, unit, "event" in fields)([fields.get(role, "") for role in ROLES])


def test_time_zones() -> None:
    assert seconds("2017-11-24T19:21:10+02:00") == seconds("2017-11-24 17:21:10") == 1_511_544_070.0


@pytest.mark.parametrize(
    ("stars", "kind"), [("5", "purchase"), ("4.5", "purchase"), ("4", "click"), ("3.5", "click"), ("3", "view")]
)
def test_ratings_are_events(stars: str, kind: str) -> None:
    line = parsed(FILMS, {"user": "u", "item": "i", "rating": stars, "time": "1511544070"})
    assert line is not None
    assert line.kind == kind


@pytest.mark.parametrize("event", ["Product Viewed", "product_viewed", "PRODUCT VIEWED", "productViewed"])
def test_events_are_known_however_they_are_spelled(event: str) -> None:
    line = parsed(READY["segment"][0], {"user": "u", "item": "i", "event": event, "time": "1511544070"})
    assert line is not None
    assert line.kind == "view"


def test_an_unknown_event_says_how_to_name_it() -> None:
    with pytest.raises(
        ValueError, match=r"`event` must be one of view, click, purchase; got 'buy'.*--events buy=click"
    ):
        parsed(READY["csv"][0], {"user": "u", "item": "i", "event": "buy", "time": "1511544070"})


@pytest.mark.parametrize(
    ("unit", "text"),
    [("s", "1511544070"), ("ms", "1511544070000"), ("us", "1511544070000000"), ("ns", "1511544070000000000")],
)
def test_units_are_told_by_size(unit: str, text: str) -> None:
    assert unit_of([text, "nonsense"], "timestamp") == unit
    assert clock(unit)(text) == 1_511_544_070.0
    assert clock(unit)("2017-11-24T17:21:10Z") == 1_511_544_070.0


def test_the_unit_is_that_of_most_values() -> None:
    assert unit_of(["1511544070", "1511544070000", "1511544070001"], "time") == "ms"
    assert unit_of([], "time") is None


def test_items_of_a_line() -> None:
    assert describe(READY["rees46"][0], "i", ("", "", "21", "", "")) == Item(item_id="i", categories=["21"])
    assert describe(READY["csv"][0], "i", ("", "", "", "", "3.5")) == Item(item_id="i")
    assert describe(READY["rees46"][0], "i", ("", "", "", "", "3.5")) == Item(item_id="i", price=3.5)
    assert film("1", "Up (2009)", "(no genres listed)") == Item(item_id="1", title="Up (2009)")
    with pytest.raises(ValueError, match="`movieId` must not be empty"):
        film("", "Up (2009)", "Drama")


def test_what_is_returned_has_a_negative_amount_and_is_a_purchase(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    head = "user_id,item_id,event,timestamp,price,quantity\n"
    log.write_text(head + "u,i,purchase,1700000000,9.5,2\nu,i,purchase,1700000060,-9.5,2\nu,i,view,1700000120,9.5,0\n")
    events = [entry[1] for entry in read(log) if isinstance(entry, tuple)]
    assert [(event.price, event.quantity) for event in events] == [(9.5, 2.0), (-9.5, 2.0), (9.5, None)]
    for line, wrong in (("view,1700000000,-9.5,1", "0 or more"), ("purchase,1700000000,1e12,2", "at most 1e+12"),
                        ("purchase,1700000000,1,0", "must not be 0")):  # fmt: skip
        log.write_text(f"{head}u,i,{line}\n")
        with pytest.raises(FormatError, match=re.escape(wrong)):
            list(read(log))
