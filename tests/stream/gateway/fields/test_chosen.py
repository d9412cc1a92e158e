"""Fields of items that an answer holds."""

import pytest

from stream.gateway.fields.chosen import chosen, described
from stream.gateway.problems import Problem
from stream.records.http.asked import FIELDS
from stream.records.schemas import Item


def test_all_fields_of_items_can_be_chosen_but_the_id_which_is_always_there() -> None:
    assert {"item_id", "schema_version", "vectors"} == set(Item.__struct_fields__) - set(FIELDS)
    assert chosen(",".join(FIELDS)) == tuple(name for name in FIELDS if name != "title")
    assert chosen("") == ()
    assert chosen(" price , image") == chosen("image,price") == ("price", "image")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prize", "fields: 'prize' is no field of items; known: title, "),
        ("prize", "; did you mean 'price'?"),
        ("image_link", "; did you mean 'image'?"),
        ("price,,image", "fields: '' is no field of items"),
        ("item_id", "fields: 'item_id' is no field of items"),
        ("PRICE", "; did you mean 'price'?"),
    ],
)
def test_other_names_are_refused_with_the_nearest(text: str, says: str) -> None:
    with pytest.raises(Problem) as refused:
        chosen(text)
    assert refused.value.status == 422
    assert says in refused.value.detail


def test_fields_are_as_the_catalogue_has_them() -> None:
    item = Item(item_id="i", price=0.0, attributes={"a": 1.0}, available=False, images=["https://shop.example/1"])
    fields = chosen("price,attributes,available,images,image,link")
    assert described(item, fields) == {
        "price": 0.0, "attributes": {"a": 1.0}, "available": False, "images": ["https://shop.example/1"],
        "image": None, "link": None,
    }  # fmt: skip
    assert described(None, chosen("price,tags")) == {"price": None, "tags": []}
