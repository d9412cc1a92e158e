"""Lists that are kept until a user's next event."""

import pytest

from stream.config import Config, Slate
from stream.decisions.local import LocalWorker
from stream.decisions.slates import SlateRequest
from stream.evaluation import waiting
from stream.evaluation.baselines import invite
from stream.evaluation.stopwatch import Stopwatch
from stream.evaluation.waiting import Recorder, WaitingLists
from stream.model.fold import Model
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.user import User
from stream.state.users import Users
from tests.support.site import T, did


def recorder() -> tuple[Recorder, Users]:
    """An engine whose model knows items a to f; u has viewed a, v has viewed a and b."""
    config = Config(slate=Slate(slots=3))
    engine = Recorder(config, Model(config), Stopwatch(None))
    worker = LocalWorker(engine)
    worker.take(*(ItemChange(item, Item(item_id=item)) for item in "abcdef"))
    for user, item in (("u", "a"), ("v", "a"), ("v", "b")):
        worker.take(did(user, item))
    engine.take()
    return engine, worker.shard.users


def waiting_lists(engine: Recorder, *, novel: bool = False) -> WaitingLists:
    return WaitingLists(engine, invite([], engine.model), 4, novel=novel)


def test_drawn_slates_are_taken_once() -> None:
    engine, users = recorder()
    request = SlateRequest("u", users["u"], T, "d")
    (drawn,) = engine.draw([request])
    assert engine.take() == {"u": drawn}
    assert engine.take() == {}


def test_lists_of_the_engine_and_the_baselines_are_taken_once() -> None:
    engine, users = recorder()
    lists = waiting_lists(engine)
    lists.ask("u", users["u"], T + 5, "d")
    assert ("u" in lists, "v" in lists) == (True, False)
    shown, predicted = lists.take("u")
    assert shown is not None
    assert predicted is not None
    assert shown.made == T + 5
    assert [len(each) for each in shown.lists] == [3, 4], "slots of the engine, depth of the baseline"
    ids = engine.model.vocabulary.ids
    assert [ids[item] for item in shown.lists[1].tolist()][:2] == ["a", "b"], "the most popular first"
    assert predicted.probabilities.shape == (len(predicted.items), 2)
    assert ("u" in lists, lists.take("u")) == (False, (None, None))


def test_novel_lists_leave_out_what_the_user_has_touched() -> None:
    engine, users = recorder()
    lists = waiting_lists(engine, novel=True)
    lists.keep({"v": engine.draw([SlateRequest("v", users["v"], T, "d")])[0]}, users, T, "d")
    shown, _ = lists.take("v")
    assert shown is not None
    touched = {engine.model.vocabulary.index(item) for item in "ab"}
    assert [len(each) for each in shown.lists] == [3, 4]
    assert not touched & {item for each in shown.lists for item in each.tolist()}


def test_an_empty_slate_is_not_kept() -> None:
    config = Config()
    engine = Recorder(config, Model(config), Stopwatch(None))
    lists = waiting_lists(engine)
    drawn = engine.draw([SlateRequest("u", User(), T, "d")])
    lists.keep({"u": drawn[0]}, {"u": User()}, T, "d")
    assert "u" not in lists


def test_predictions_are_kept_of_the_newest_users_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SHOWN_USERS", 2)
    engine, _ = recorder()
    lists = waiting_lists(engine)
    for user in "xyz":
        lists.ask(user, User(), T, "d")
    kept = {user: tuple(part is not None for part in lists.take(user)) for user in "xyz"}
    assert kept == {"x": (True, False), "y": (True, True), "z": (True, True)}
