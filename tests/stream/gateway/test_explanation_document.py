"""A slate tells the reason that its explanation gives: that of the largest contribution."""

from stream.decisions.explain import explain
from stream.gateway.documents import explanation_document, reason_of, slate_document
from stream.records.schemas import Recommendation, Slot
from tests.support.gateway import T, full
from tests.support.site import Site, did


def test_slate_and_explanation_say_the_same() -> None:
    site, read_model = Site("abcde"), full()
    for n in range(5):
        site.take(did("u", "abc"[n % 3], T + n))
    found = explain(site.model, "u", site.shard.users["u"])
    assert found is not None
    slots = [Slot(slot["item_id"], slot["score"], slot["source"], slot["propensity"]) for slot in found["slots"]]
    published = Recommendation(
        user_id="u", decision_id=found["decision_id"], event_id=None, timestamp=T, model_version=1, epoch=0,
        policy="p", slots=slots,
    )  # fmt: skip
    told = explanation_document(found, read_model)["slots"]
    reasons = {item["item_id"]: item["reason"] for item in slate_document(published, read_model)["items"]}
    assert all(slot["reason"] == reasons[slot["item_id"]] for slot in told)
    for slot in told:
        pulled = slot["pulled_by"][0]["title"] if slot["pulled_by"] else None
        assert slot["reason"] == (reason_of(slot["contributions"], pulled) or slot["reason"])
