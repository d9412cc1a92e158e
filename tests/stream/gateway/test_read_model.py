"""What a gateway keeps of the topics."""

from collections.abc import Iterator

from stream.gateway.read_model import MAX_EVENTS, MAX_ROWS, MAX_USERS, RECENT, ReadModel
from stream.records.schemas import Item, Outcome
from tests.support.gateway import T, full, slate, viewed


def test_trending_fills_up_with_the_catalogue_and_leaves_out_removed_items() -> None:
    read_model = full()
    viewed(read_model, "w", *"dddd", at=T + 500)
    found = [item for item, _ in read_model.trending(5)]
    assert found[0] == "d"
    assert sorted(found) == list("abcde")
    assert [item for item, _ in read_model.trending(1, ["d"])] == [found[1]]
    read_model.item("d", None)
    assert "d" not in [item for item, _ in read_model.trending(5)]


def test_the_newest_slate_is_kept_and_a_fenced_owners_is_not() -> None:
    read_model = ReadModel()
    assert read_model.newest("ada") is None
    read_model.slate("ada", slate(epoch=2), T)
    assert read_model.slate("ada", slate(epoch=1, items="abc"), T) is None
    newest = read_model.newest("ada")
    assert newest is not None
    assert [slot.item_id for slot in newest.slots] == list("xyz")
    read_model.slate("ada", None, T)
    assert read_model.newest("ada") is None
    assert not read_model.epochs


def test_latency_runs_from_the_event_to_its_slate() -> None:
    read_model = ReadModel()
    viewed(read_model, "ada", "x")
    read_model.slate("ada", slate(event=f"ada-x-{T}"), T + 0.02)
    read_model.slate("ada", slate(event="unknown"), T + 9)
    assert read_model.latency(0.5) is not None
    assert round(1e3 * (read_model.latency(0.5) or 0)) == 20


def test_hits_are_counted_by_source_and_rank_and_void_ones_are_not() -> None:
    read_model = ReadModel()

    def settled(outcome: str, hit: int | None) -> None:
        read_model.outcome(
            Outcome(
                user_id="ada", decision_id="1", outcome=outcome, reward=2.0 if hit is not None else 0.0, hit=hit,  # type: ignore[arg-type]
                event_id=None, decided_at=T, settled_at=T, policy="ranked", items=list("abcdefghij"),
                sources=["ranked"] * 9 + ["content"], propensities=[1.0] * 10, state=3,
            ),
            T,
        )  # fmt: skip

    for hit in (0, 1, 2, 3, 4, 7, 8, 9):
        settled("hit", hit)
    settled("miss", None)
    settled("void", 0)
    assert read_model.hits == {"ranked": [1, 1, 2, 2, 1], "content": [0, 0, 0, 0, 1]}
    assert read_model.worth[3, "content"] == [9.0, 2.0]
    assert read_model.seconds[-1][3:] == (9, 8, 16.0)


def test_histories_are_bounded_and_deleted() -> None:
    read_model = ReadModel()
    viewed(read_model, "ada", *(f"i{n % 30}" for n in range(60)))
    assert len(read_model.history("ada")) == RECENT
    assert read_model.history("ada")[0] == ("i29", "view")
    read_model.forget("ada")
    assert read_model.history("ada") == []
    for n in range(MAX_USERS + 5):
        viewed(read_model, f"u{n}", "x")
    assert len(read_model.recent) == MAX_USERS
    assert len(read_model.written) == MAX_EVENTS


def test_the_fall_back_looks_at_few_items() -> None:
    read_model = ReadModel()
    for n in range(5_000):
        read_model.item(f"i{n}", Item(item_id=f"i{n}", available=n >= 4_000))
    looked_at = Counted()
    looked_at.update(read_model._offered)
    read_model._offered = looked_at
    left_out = {f"i{n}" for n in range(4_000, 4_200)}
    assert [item for item, _ in read_model.trending(40, left_out)] == [f"i{n}" for n in range(4_200, 4_240)]
    assert looked_at.steps <= 40 + 200 + 1


class Counted(dict[str, None]):
    """Counts how many keys are looked at."""

    steps = 0

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.steps += 1
            yield key


def test_memory_has_a_bound_that_strangers_cannot_pass() -> None:
    read_model = ReadModel(max_bytes=4e6)
    for n in range(40):
        vector = [n + 0.5] * 4_096
        read_model.item(f"i{n}", Item(item_id=f"i{n}", title=f"title {n}", vectors={"a": vector, "b": vector}))
        read_model.slate(f"u{n}", slate(f"u{n}", items="x" * 2_000), T)
    held = read_model.items.currsize + read_model.slates.currsize
    assert held <= 4e6
    assert 0 < len(read_model.items) < 40
    assert 0 < len(read_model.slates) < 40
    assert len(read_model.titles) == len(read_model.items) == len(read_model._offered)
    assert len(read_model.epochs) == len(read_model.slates)
    assert [item for item in read_model.titles.search("title 39") if item] == ["i39"]
    assert [item for item in read_model.titles.search("title 3") if item] != []
    assert "i0" not in read_model.items
    assert read_model.newest("u39") is not None


def test_tables_of_sources_are_bounded() -> None:
    read_model = ReadModel()
    for n in range(MAX_ROWS + 100):
        settled = Outcome(
            user_id="u", decision_id=f"{n}", outcome="miss", reward=0.0, hit=None, event_id=None, decided_at=T,
            settled_at=T, policy="p", items=["x"], sources=["ranked"], propensities=[1.0], state=n,
        )  # fmt: skip
        read_model.outcome(settled, T)
    assert len(read_model.worth) == MAX_ROWS
