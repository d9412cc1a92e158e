"""`headwater simulate`: policies alone and the whole engine, judged by shoppers whose tastes are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from bandits.worlds import SETTINGS, Shop, Tastes
from stream import cli
from stream.config import Config
from stream.datasets.readers import Entry
from stream.errors import UsageError
from stream.records.schemas import Event, EventType, Item
from stream.simulation.fit import fitted
from stream.simulation.shop import InProcess, serve

DEMO = Path(__file__).resolve().parents[3] / "deploy" / "demo" / "movielens-latest-small"


def test_the_command_compares_policies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["simulate", "--decisions", "400", "--seeds", "2", "--policy", "ranked", "--policy", "sarsa"]
    assert cli.main([*arguments, "--policy", "oracle", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["decisions"], told["seeds"], list(told["policies"])) == (400, 2, ["ranked", "sarsa", "oracle"])
    assert told["policies"]["oracle"]["regret"] == [0.0, 0.0]
    assert told["policies"]["ranked"]["reward_gain_percent"] == [0.0, 0.0]
    assert told["policies"]["oracle"]["expected_gain_percent"][0] > 20
    picture = tmp_path / "curves.svg"
    assert cli.main([*arguments, "--plot", str(picture)]) == 0
    assert "400 decisions, 2 seeds" in capsys.readouterr().out
    assert "tastes drift" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "salsa"], "--policy salsa: must be one of disagreement"),
        (["--engine", "--policy", "oracle"], "--policy oracle: must be one of disagreement"),
        (["--engine", "--live"], "exclude each other"),
        (["--plot", "curves.pdf"], "must end in .png or .svg; got curves.pdf"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_engine_learns_what_shoppers_like() -> None:
    """Its slates bring more and more, and more than those of an engine that is told nothing of what happens."""
    tastes, decisions = Tastes.generated("engine", users=100, items=200), 1_500

    class Deaf(InProcess):
        def take(self, kind: EventType, event: Event) -> None:
            if self.worker.shard.users.get(event.user_id) is None:
                super().take(kind, event)

    heard, unheard = (
        serve(Shop(SETTINGS["strong"], "s", decisions, tastes), each(Config()), "s", lambda n: 1.7e9 + n)
        for each in (InProcess, Deaf)
    )
    assert heard.expected[-500:].mean() > 1.2 * unheard.expected[-500:].mean()
    assert heard.expected[-500:].mean() > 1.2 * heard.expected[:300].mean()
    assert (heard.expected <= heard.best + 1e-6).all()


def test_the_engine_in_process_is_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--engine", "--decisions", "150", "--seeds", "1", "--tastes", str(DEMO), "--json"]
    told = []
    for _ in range(2):
        assert cli.main(arguments) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert list(json.loads(told[0])["policies"]) == ["ranked", "disagreement"]


def film(user: str, item: str, n: int, kind: EventType = "view") -> Entry:
    return kind, Event(event_id=f"e{n}", user_id=user, item_id=item, timestamp=1e9 + n)


def test_tastes_are_fitted() -> None:
    entries: list[Entry] = [Item(item_id="war", categories=["w"]), Item(item_id="love", categories=["l"])]
    entries += [film("ann", "love", n, "purchase") for n in range(20)]
    entries += [film("bob", "war", 100 + n) for n in range(10)]
    found = fitted(entries, "s")
    users = {"ann": 0, "bob": 1}
    love, war = found.category.tolist()
    assert found.taste[users["ann"], love] > found.taste[users["ann"], war]
    assert found.taste[users["bob"], war] > found.taste[users["bob"], love]
    assert found.quality[0] > found.quality[1]
    assert found.habits[users["ann"]].argmax() == 2
    assert np.allclose(found.habits.sum(axis=1), 1.0)
    with pytest.raises(UsageError, match="events on items that it gives categories"):
        fitted([film("ann", "love", 1)], "s")
