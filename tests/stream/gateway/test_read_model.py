"""What a gateway keeps of the topics."""

from stream.gateway.read_model import MAX_EVENTS, MAX_USERS, RECENT, ReadModel
from stream.records.schemas import Item, Outcome
from tests.support.gateway import T, full, slate, viewed


def test_similar_items_have_the_same_users() -> None:
    read_model = full()
    assert [item for item, _ in read_model.similar("a", 3)] == ["b"]
    assert read_model.similar("a", 3, ["b"]) == []
    assert read_model.similar("e", 3) == []
    read_model.item("b", Item(item_id="b", available=False))
    assert read_model.similar("a", 3) == []


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


def test_an_item_is_pulled_by_the_one_it_occurs_with_most() -> None:
    read_model = full()
    assert read_model.pulled_by(["b", "d", "e", "unknown"], ["c", "a"]) == ["a", "c", None, None]
    assert read_model.pulled_by(["b"], []) == [None]


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
