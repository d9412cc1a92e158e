"""Records as rows of columns and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.client.bulk.cells import document_of, row_of
from stream.client.bulk.kinds import KINDS
from stream.records.schemas import Event, Item, Profile

TEXT = st.text(min_size=1, max_size=8)
SCALAR = TEXT | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
MONEY = st.none() | st.floats(0, 1e12)
ITEMS = st.builds(
    Item, item_id=TEXT, title=st.none() | TEXT, categories=st.lists(TEXT | st.just(""), max_size=3), price=MONEY,
    list_price=MONEY, tags=st.lists(st.sampled_from(["a", "b|c", "[d", " e "]), max_size=3), text=st.none() | TEXT,
    attributes=st.dictionaries(TEXT, SCALAR, max_size=3), available=st.booleans(),
    expires_at=st.none() | st.floats(1e9, 2e9), link=st.none() | TEXT, image=st.none() | TEXT,
    images=st.lists(TEXT, max_size=2),
    vectors=st.dictionaries(TEXT, st.lists(st.floats(-1, 1), max_size=3), max_size=2),
)  # fmt: skip
EVENTS = st.builds(
    Event, event_id=TEXT, user_id=TEXT, item_id=TEXT, timestamp=st.floats(1e9, 2e9),
    type=st.sampled_from(["view", "click", "purchase"]), session_id=st.none() | TEXT, decision_id=st.none() | TEXT,
    price=MONEY, quantity=st.none() | st.floats(-1e6, 1e6), context=st.dictionaries(TEXT, SCALAR, max_size=3),
)  # fmt: skip
USERS = st.builds(Profile, user_id=TEXT, attributes=st.dictionaries(TEXT, SCALAR, max_size=3))


@given(st.tuples(st.just("items"), ITEMS) | st.tuples(st.just("events"), EVENTS) | st.tuples(st.just("users"), USERS))
def test_a_row_holds_the_whole_record(found: tuple[str, msgspec.Struct]) -> None:
    kind, record = KINDS[found[0]], found[1]
    row = row_of(msgspec.to_builtins(record), kind.fields)
    assert msgspec.json.decode(document_of(kind.fields, row), type=kind.record) == record


def test_cells_are_written_as_people_write_them() -> None:
    columns = ("item_id", "categories", "available", "expires_at", "attributes.size", "attributes.code", "attributes")
    row = ("i", "Mugs|Kitchen", "FALSE", "2030-01-01", "7.5", "007", '{"new": true}')
    assert msgspec.json.decode(document_of(columns, row)) == {
        "item_id": "i", "categories": ["Mugs", "Kitchen"], "available": False, "expires_at": 1_893_456_000.0,
        "attributes": {"size": 7.5, "code": "007", "new": True},
    }  # fmt: skip
    assert document_of(("item_id", "title"), ("i", "")) == b'{"item_id":"i"}'
    assert b"12345678901234567890" in document_of(("item_id", "attributes.ean"), ("i", "12345678901234567890"))


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("price", "3,5", "`price` must be a number; got '3,5'"),
        ("price", "24.90 EUR", "`price` must be a number; got '24.90 EUR'"),
        ("available", "in stock", "`available` must be true or false; got 'in stock'"),
        ("tags", '["a"', "`tags` must be words with | between them, or a JSON list"),
        ("tags", "[1]", "`tags` must be words with |"),
        ("attributes", "size=7", "`attributes` must be a JSON object"),
        ("attributes", "[]", "`attributes` must be a JSON object"),
        ("expires_at", "tomorrow", "`expires_at` the time must be unix seconds or ISO 8601; got 'tomorrow'"),
    ],
)
def test_a_cell_that_cannot_be_read_names_its_column(column: str, cell: str, says: str) -> None:
    with pytest.raises(ValueError, match="`") as wrong:
        document_of(("item_id", column), ("i", cell))
    assert says in str(wrong.value)


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="must have 2 columns; got 3"):
        document_of(("item_id", "title"), ("i", "Mug", "blue"))
