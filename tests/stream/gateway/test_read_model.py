"""What a gateway keeps of the topics."""

from stream.gateway.feed import QUEUED, Feed
from stream.gateway.read_model import EVENTS, RECENT, USERS, Held
from stream.gateway.reader import reason, told
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Outcome, Recommendation, Slot

T = 1_700_000_000.0


def viewed(held: Held, user: str, *items: str, at: float = T) -> None:
    for n, item in enumerate(items):
        event = Event(event_id=f"{user}-{item}-{at}", user_id=user, item_id=item, timestamp=at + n)
        held.event("view", event, at + n)


def slate(user: str = "ada", base: int = 1, items: str = "xyz", event: str | None = None) -> bytes:
    return encode(
        Recommendation(
            user_id=user, decision_id=f"{base}.0.0", event_id=event, timestamp=T, model_version=1, base=base,
            policy="ranked", slots=[Slot(item, 0.5, "ranked", 1.0) for item in items],
        )
    )  # fmt: skip


def full() -> Held:
    """Five users went from a to b, five from c to d; the catalogue knows all four and e."""
    held = Held()
    for item in "abcde":
        held.item(item, Item(item_id=item, title=item.upper()))
    for n in range(5):
        viewed(held, f"u{n}", "a", "b", at=T + 10 * n)
        viewed(held, f"v{n}", "c", "d", at=T + 10 * n)
    return held


def test_similar_is_what_the_same_people_touched() -> None:
    held = full()
    assert [item for item, _ in held.similar("a", 3)] == ["b"]
    assert held.similar("a", 3, ["b"]) == []
    assert held.similar("e", 3) == []
    held.item("b", Item(item_id="b", available=False))
    assert held.similar("a", 3) == []


def test_trending_fills_up_with_the_catalogue_and_leaves_out_what_is_gone() -> None:
    held = full()
    viewed(held, "w", *"dddd", at=T + 500)
    found = [item for item, _ in held.trending(5)]
    assert found[0] == "d"
    assert sorted(found) == list("abcde")
    assert [item for item, _ in held.trending(1, ["d"])] == [found[1]]
    held.item("d", None)
    assert "d" not in [item for item, _ in held.trending(5)]


def test_the_newest_slate_is_kept_and_a_former_owners_is_not() -> None:
    held = Held()
    assert held.newest("ada") is None
    held.slate("ada", slate(base=2), T)
    assert held.slate("ada", slate(base=1, items="abc"), T) is None
    newest = held.newest("ada")
    assert newest is not None
    assert [slot.item_id for slot in newest.slots] == list("xyz")
    held.slate("ada", None, T)
    assert held.newest("ada") is None
    assert not held.bases


def test_latency_runs_from_the_event_to_its_slate() -> None:
    held = Held()
    viewed(held, "ada", "x")
    held.slate("ada", slate(event=f"ada-x-{T}"), T + 0.02)
    held.slate("ada", slate(event="unknown"), T + 9)
    assert held.latency(0.5) is not None
    assert round(1e3 * (held.latency(0.5) or 0)) == 20


def test_hits_are_counted_by_source_and_rank_and_void_ones_are_not() -> None:
    held = Held()

    def settled(outcome: str, hit: int | None) -> None:
        held.outcome(
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
    assert held.hits == {"ranked": [1, 1, 2, 2, 1], "content": [0, 0, 0, 0, 1]}
    assert held.worth[3, "content"] == [9.0, 2.0]
    assert held.seconds[-1][3:] == (9, 8, 16.0)


def test_reasons_are_words() -> None:
    held = full()
    assert held.pulled_by(["b", "d", "e", "unheard"], ["c", "a"]) == ["a", "c", None, None]
    assert held.pulled_by(["b"], []) == [None]
    assert reason("popularity", "a", [], None) == "many like it"
    assert reason("ranked", "b", ["a"], "A") == "goes with A"
    assert reason("ranked", "a", ["a"], None) == "you have looked at it before"
    assert reason("ranked", "e", [], None) == "a good guess for anybody"
    held.slate("ada", slate(items="bde"), T)
    viewed(held, "ada", "a")
    newest = held.newest("ada")
    assert newest is not None
    answered = told(newest, held, 2, frozenset("b"))
    assert [(item["item_id"], item["title"]) for item in answered["items"]] == [("d", "D"), ("e", "E")]
    assert answered["fallback"] is None


def test_histories_are_bounded_and_forgotten() -> None:
    held = Held()
    viewed(held, "ada", *(f"i{n % 30}" for n in range(60)))
    assert len(held.history("ada")) == RECENT
    assert held.history("ada")[0] == ("i29", "view")
    held.forget("ada")
    assert held.history("ada") == []
    for n in range(USERS + 5):
        viewed(held, f"u{n}", "x")
    assert len(held.recent) == USERS
    assert len(held.written) == EVENTS


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
            feed.tell("slate", n, "ada")
        feed.tell("slate", "bens", "ben")
        feed.tell("stats", "figures")
        assert mine.qsize() == QUEUED
        assert b"data: 10\n" in mine.get_nowait()
        assert all_.qsize() == QUEUED
    assert len(feed) == 0
