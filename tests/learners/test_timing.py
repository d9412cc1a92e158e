"""The workload of `--timing`: the same users whatever the size of the catalogue; and that all of it is measured."""

from learners import Popularity
from learners.__main__ import main
from learners.timing import USED, measure, shoppers


def test_a_larger_catalogue_has_the_same_users() -> None:
    near, far = shoppers(300), shoppers(300, apart=7)
    assert [7 * event.item for event in near] == [event.item for event in far]
    assert [len(event.session) for event in near] == [len(event.session) for event in far]
    assert max(event.item for event in near) < USED


def test_every_call_is_timed() -> None:
    ticks = iter((10.0, 14.0, 20.0, 21.0))
    found = measure(Popularity(top=400), USED, lambda: next(ticks), learned=40, asked=20)
    weights, best = 8 * USED, 4 * 400
    assert found == (USED, 100_000.0, 50_000.0, (weights + best) / USED, 0.0)


def test_an_unknown_name_exits_with_2() -> None:
    written: list[str] = []
    assert main(["--timing", "unheard_of"], written.append) == 2
    assert "unheard_of" in "".join(written)
