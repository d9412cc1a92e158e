"""Explanations: what was drawn, which items raised a score, and what each group of features contributes."""

import msgspec
import numpy as np
import pytest

from stream.config import Placement, Slate
from stream.decisions.explain import MAX_PARTS, explain
from stream.decisions.publish import recommendation
from stream.ranking.reasons import USER_COLUMNS, reason_names
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.user import User
from tests.support.site import Site, T, did, shown


@pytest.fixture
def site() -> Site:
    """Six users took b after a; u took a."""
    site = Site("abcdef", slate=Slate(slots=3))
    for n in range(6):
        site.take(did(f"v{n}", "a", T + 100 * n))
        site.take(did(f"v{n}", "b", T + 100 * n + 10))
    shown(site, T + 1000)
    return site


def test_a_user_without_an_open_slate_has_no_explanation(site: Site) -> None:
    assert explain(site.model, "nobody", User()) is None


def test_slots_are_those_of_the_open_decision(site: Site) -> None:
    user = site.shard.users["u"]
    found = explain(site.model, "u", user)
    assert found is not None
    assert user.open is not None
    assert (found["decision_id"], found["time"]) == (user.open.decision_id, T + 1000)
    assert [slot["item_id"] for slot in found["slots"]] == user.open.slate
    assert [slot["source"] for slot in found["slots"]] == [site.model.lists[n] for n in user.open.sources]
    for name in ("score", "propensity"):
        logged = np.frombuffer(user.open.scores if name == "score" else user.open.propensities, np.float32)
        assert [slot[name] for slot in found["slots"]] == logged.tolist()


def test_an_item_is_explained_by_what_the_user_took_before_it(site: Site) -> None:
    found = explain(site.model, "u", site.shard.users["u"])
    assert found is not None
    slots = {slot["item_id"]: slot for slot in found["slots"]}
    assert slots["b"]["pulled_by"] == [{"item_id": "a", "source": "covisitation"}]
    assert slots["a"]["pulled_by"] == [], "not by itself"


def test_a_contribution_is_the_loss_of_score_with_average_features(site: Site) -> None:
    user = site.shard.users["u"]
    found = explain(site.model, "u", user)
    assert found is not None
    contributions = next(slot["contributions"] for slot in found["slots"] if slot["item_id"] == "b")
    candidates = site.model.ranker.candidates("u", user, user.time, 3)
    features = candidates.features[:, :-1]
    place = candidates.items.tolist().index(site.model.vocabulary.index("b"))
    without = features[place].copy()
    first = 3 * [source.name for source in site.model.sources].index("covisitation")
    without[first : first + 3] = features[:, first : first + 3].mean(axis=0).round()
    before, after = site.model.ranking.mixer.score_many(np.stack([features[place], without]))
    assert {"feature": "covisitation", "nats": round(float(before - after), 4), "above": True} in contributions
    assert before > after
    sizes = [abs(part["nats"]) for part in contributions]
    assert sizes == sorted(sizes, reverse=True)
    assert len(contributions) == MAX_PARTS
    seen = next((part for part in contributions if part["feature"] == "seen"), None)
    assert seen is None or not seen["above"], "others of the candidates were seen, this one was not"
    assert not {part["feature"] for part in contributions} & set(USER_COLUMNS)


def test_an_item_that_is_no_candidate_any_more_has_no_contributions(site: Site) -> None:
    site.take(ItemChange("b", Item(item_id="b", available=False)))
    found = explain(site.model, "u", site.shard.users["u"])
    assert found is not None
    assert {slot["item_id"]: bool(slot["contributions"]) for slot in found["slots"]} == {
        slot["item_id"]: slot["item_id"] != "b" for slot in found["slots"]
    }
    assert "b" in {slot["item_id"] for slot in found["slots"]}


@pytest.mark.parametrize("user", ["u", "v0", "v5"])
def test_what_a_slate_notes_is_the_largest_contribution_of_its_explanation(site: Site, user: str) -> None:
    for n in range(40):
        site.take(did("uvw"[n % 3], "abcdef"[n * n % 5], T + 2000 + n))
    known = site.shard.users[user]
    drawn = site.drawn(user, known.time)
    known.open = drawn.decision  # explained as of the moment at which it was made, and with the same model
    found = explain(site.model, user, known)
    assert found is not None
    names, noted = reason_names(site.model.lists[1:]), drawn.decision.reasons
    assert len(noted) == len(found["slots"]) > 0
    for reason, slot in zip(noted, found["slots"], strict=True):
        best = max(slot["contributions"], key=lambda part: part["nats"], default=None)
        if best is None or best["nats"] <= 0:
            assert names[reason] == ""
        else:
            assert names[reason] == (best["feature"] if best["above"] else f"less {best['feature']}")


def test_old_decisions_have_no_reasons(site: Site) -> None:
    """A log of before has none; the slots say nothing then."""
    decision = msgspec.structs.replace(site.drawn("u").decision, reasons=b"")
    assert {slot.because for slot in recommendation("u", decision, None, 0, site.model.lists).slots} == {""}


def test_a_slate_of_a_placement_is_explained_by_its_own_ranking() -> None:
    site = Site("abcdef", slate=Slate(slots=3), placements={"cart": Placement(slots=2, push=True)})
    site.take(did("u", "a"))
    user = site.shard.users["u"]
    found, home = explain(site.model, "u", user, "cart"), explain(site.model, "u", user)
    assert found is not None
    assert home is not None
    assert (found["placement"], home["placement"]) == ("cart", "home")
    assert (found["decision_id"], len(found["slots"])) == (user.others["cart"].decision_id, 2)
    assert explain(site.model, "u", user, "mail") is None
