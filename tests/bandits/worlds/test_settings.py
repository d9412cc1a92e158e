"""Settings differ in which source is best."""

from bandits.worlds import REFERENCES, Tastes
from tests.support.shop_trial import trial


def test_which_source_is_best_in_each_setting(tastes: Tastes) -> None:
    """The ranking is beaten by other sources in one world and by none in another; in the flat one nothing differs."""

    def mean(name: str, world: str) -> float:
        return float(trial(name, world, tastes, decisions=5_000).expected.mean())

    assert mean("round_robin", "state") > mean("ranked", "state")
    assert max(mean(name, "strong") for name in REFERENCES[1:]) < mean("ranked", "strong")
    flat = [mean(name, "flat") for name in ("ranked", "round_robin", "fixed: trending")]
    assert max(flat) < 1.1 * min(flat)
