"""What a gateway keeps of the topics."""

from stream.gateway.feed import QUEUED, Feed
from stream.gateway.read_model import EVENTS, RECENT, USERS, ReadModel
from stream.gateway.reader import reason, told
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Outcome, Recommendation, Slot

T = 1_700_000_000.0


def viewed(read_model: ReadModel, user: str, *items: str, at: float = T) -> None:
    for n, item in enumerate(items):
        event = Event(event_id=f"{user}-{item}-{at}", user_id=user, item_id=item, timestamp=at + n)
        read_model.event("view", event, at + n)


def slate(user: str = "ada", epoch: int = 1, items: str = "xyz", event: str | None = None) -> bytes:
    return encode(
        Recommendation(
            user_id=user, decision_id=f"{epoch}.0.0", event_id=event, timestamp=T, model_version=1, epoch=epoch,
            policy="ranked", slots=[Slot(item, 0.5, "ranked", 1.0) for item in items],
        )
    )  # fmt: skip


def full() -> ReadModel:
    """Five users went from a to b, five from c to d; the catalogue knows all four and e."""
    read_model = ReadModel()
    for item in "abcde":
        read_model.item(item, Item(item_id=item, title=item.upper()))
    for n in range(5):
        viewed(read_model, f"u{n}", "a", "b", at=T + 10 * n)
        viewed(read_model, f"v{n}", "c", "d", at=T + 10 * n)
    return read_model


def test_similar_is_what_the_same_people_touched() -> None:
    read_model = full()
    assert [item for item, _ in read_model.similar("a", 3)] == ["b"]
    assert read_model.similar("a", 3, ["b"]) == []
    assert read_model.similar("e", 3) == []
    read_model.item("b", Item(item_id="b", available=False))
    assert read_model.similar("a", 3) == []


def test_trending_fills_up_with_the_catalogue_and_leaves_out_what_is_gone() -> None:
    read_model = full()
    viewed(read_model, "w", *"dddd", at=T + 500)
    found = [item for item, _ in read_model.trending(5)]
    assert found[0] == "d"
    assert sorted(found) == list("abcde")
    assert [item for item, _ in read_model.trending(1, ["d"])] == [found[1]]
    read_model.item("d", None)
    assert "d" not in [item for item, _ in read_model.trending(5)]


def test_the_newest_slate_is_kept_and_a_former_owners_is_not() -> None:
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


def test_reasons_are_words() -> None:
    read_model = full()
    assert read_model.pulled_by(["b", "d", "e", "unheard"], ["c", "a"]) == ["a", "c", None, None]
    assert read_model.pulled_by(["b"], []) == [None]
    assert reason("popularity", "a", [], None) == "many like it"
    assert reason("ranked", "b", ["a"], "A") == "goes with A"
    assert reason("ranked", "a", ["a"], None) == "you have looked at it before"
    assert reason("ranked", "e", [], None) == "a good guess for anybody"
    read_model.slate("ada", slate(items="bde"), T)
    viewed(read_model, "ada", "a")
    newest = read_model.newest("ada")
    assert newest is not None
    answered = told(newest, read_model, 2, frozenset("b"))
    assert [(item["item_id"], item["title"]) for item in answered["items"]] == [("d", "D"), ("e", "E")]
    assert answered["fallback"] is None


def test_histories_are_bounded_and_forgotten() -> None:
    read_model = ReadModel()
    viewed(read_model, "ada", *(f"i{n % 30}" for n in range(60)))
    assert len(read_model.history("ada")) == RECENT
    assert read_model.history("ada")[0] == ("i29", "view")
    read_model.forget("ada")
    assert read_model.history("ada") == []
    for n in range(USERS + 5):
        viewed(read_model, f"u{n}", "x")
    assert len(read_model.recent) == USERS
    assert len(read_model.written) == EVENTS


def test_who_listens_is_told_what_he_asked_for_and_a_slow_one_less() -> None:
    feed = Feed()
    assert not feed.wanted("slate", "ada")
    with (
        feed.listening(frozenset({"slate"}), "ada") as mine,
        feed.listening(frozenset({"slate", "stats"}), None) as all_,
    ):
        assert feed.wanted("slate", "ada")
        assert not feed.wanted("outcome", "ada")
        for n in range(QUEUED + 10):
            feed.publish("slate", n, "ada")
        feed.publish("slate", "bens", "ben")
        feed.publish("stats", "figures")
        assert mine.qsize() == QUEUED
        assert b"data: 10\n" in mine.get_nowait()
        assert all_.qsize() == QUEUED
    assert len(feed) == 0
