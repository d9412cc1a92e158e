"""All rules together in random worlds, against a plain reading of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits import PINNED
from stream.records.schemas import Item, Scalar
from tests.stream.decisions.test_slates import POLICIES
from tests.support.ruled import DAY, known, ruled
from tests.support.site import PURCHASE, T, did, steps

ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "min_age": st.sampled_from([0.0, 12.0, 18.0, "18"]),
        "in": st.sampled_from(["NL", "BE", "NL,BE", "", "DE , NL"]),
        "brand": st.sampled_from(["p", "q"]),
    },
)
PEOPLE = st.fixed_dictionaries(
    {},
    optional={"age": st.sampled_from([11.0, 12.0, 18.0, "12", None]), "country": st.sampled_from(["NL", "BE", "FR"])},
)
WORLD = """
diversity = 0.3
[[cap]]
field = "brand"
at_most = 2
[[cap]]
field = "category"
at_most = 1
first = 2
[[pin]]
item = "b"
slot = 3
audience = [{ field = "attributes.country", op = "!=", value = "FR" }]
[[boost]]
items = [{ field = "brand", op = "=", value = "q" }]
multiply = 3
[[exclude]]
items = [{ field = "category", op = "=", value = "z" }, { field = "brand", op = "exists" }]
[[exclude]]
items = [{ field = "item", op = "=", value = "c" }]
audience = [{ field = "attributes.age", op = "<", value = 18 }]
[[eligible]]
item = "attributes.min_age"
op = "<="
user = "attributes.age"
[[eligible]]
item = "attributes.in"
op = "contains"
user = "attributes.country"
if_user_lacks = "show"
[[bought]]
items = [{ field = "category", op = "=", value = "y" }]
again = "after"
days = 1
"""


def may(item: str, record: Item | None, person: dict[str, Scalar], bought_at: float | None, now: float) -> bool:
    """WORLD in plain Python."""
    facts: dict[str, Scalar] = {} if record is None else dict(record.attributes)
    categories = [] if record is None else record.categories
    if "z" in categories and "brand" in facts:
        return False
    age = person.get("age")
    if item == "c" and isinstance(age, float) and age < 18:
        return False
    if "min_age" in facts:
        least = facts["min_age"]
        if not (isinstance(least, float) and isinstance(age, float) and least <= age):
            return False
    countries = [part.strip() for part in str(facts.get("in", "")).split(",") if part.strip()]
    if countries and "country" in person and person["country"] not in countries:
        return False
    return not (bought_at is not None and "y" in categories and now - bought_at < DAY)


RECORDS = st.builds(
    Item,
    item_id=st.sampled_from("abcdefgh"),
    categories=st.lists(st.sampled_from("xyz"), max_size=2, unique=True),
    attributes=ATTRIBUTES,
)
EVENTS = st.tuples(st.sampled_from("uvw"), st.sampled_from("abcdefghk"), st.integers(0, 40_000), st.integers(0, 2))


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    st.lists(RECORDS, max_size=12),
    st.dictionaries(st.sampled_from("uvw"), PEOPLE, max_size=3),
    st.lists(EVENTS, min_size=1, max_size=15),
    st.sampled_from(POLICIES),
)
def test_hidden_items_are_in_no_list(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[Item],
    people: dict[str, dict[str, Scalar]],
    events: list[tuple[str, str, int, int]],
    policy: str,
) -> None:
    site = ruled(tmp_path_factory.getbasetemp() / "world.toml", WORLD, *records, policy=policy, slots=4)
    catalogue = {record.item_id: record for record in records}
    site.take(did("somebody", "k", T))  # who is known from before the first event counts as idle
    for user, attributes in people.items():
        known(site, user, **attributes)
    now, mentioned, bought = T, {"k", *catalogue}, dict[tuple[str, str], float]()
    for n, (user, item, wait, kind) in enumerate(events):
        now += wait
        if kind == PURCHASE:
            bought[user, item] = now
        step = steps(site.take(did(user, item, now, kind, event_id=str(n))))[0]
        fine = {
            name for name in mentioned
            if may(name, catalogue.get(name), people.get(user, {}), bought.get((user, name)), now)
        }  # fmt: skip
        mentioned.add(item)
        if step.decision is None:
            assert not fine
            continue
        slate = step.decision.slate
        assert set(step.decision.items) <= fine, "not in any list, pinned or not"
        pinned = [name for name, source in zip(slate, step.decision.sources, strict=True) if source == PINNED]
        country = people.get(user, {}).get("country")
        assert pinned == (["b"] if "b" in fine and country in ("NL", "BE") else [])
        assert not pinned or slate.index("b") == min(2, len(slate) - 1)
        others = [name for name in slate if name not in pinned]
        for brand in "pq":
            assert sum(name in catalogue and catalogue[name].attributes.get("brand") == brand for name in slate) <= 2
        for name in set("xyz"):
            top = [other for other in slate[:2] if other in catalogue and catalogue[other].categories[:1] == [name]]
            assert len(top) <= 1 or not others
    assert site.model.skipped == 0
