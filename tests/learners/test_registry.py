"""Sources by name: the built-in ones, those installed, and what is refused."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from learners.registry import BUILT_IN, LearnerError, learner_names, make_learner, make_learners
from tests.support.installed import NAME, ROOT, rogue


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_name_is_that_of_the_file_and_makes_a_source(name: str) -> None:
    module = BUILT_IN[name].split(":")[0]
    assert re.fullmatch(rf"learners\.\w+\.{name}", module)
    assert ROOT.joinpath(*module.split(".")).with_suffix(".py").exists()
    assert make_learner(name).name == name
    assert type(make_learner(name)) is getattr(import_module(module), BUILT_IN[name].split(":")[1])


@pytest.mark.usefixtures("installed")
def test_what_is_installed_is_listed() -> None:
    assert learner_names() == sorted([*BUILT_IN, NAME])


def test_what_is_not_installed_is_not() -> None:
    assert NAME not in learner_names()
    with pytest.raises(LearnerError, match=r"'last_followers': must be built in or installed as an entry point"):
        make_learner(NAME)


@pytest.mark.usefixtures("installed")
def test_a_near_match_is_suggested() -> None:
    with pytest.raises(LearnerError, match=r"there are .*last_followers.*; did you mean 'last_followers'\?"):
        make_learner("last_follower")
    with pytest.raises(LearnerError) as caught:
        make_learner("zzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "point", "expected"),
    [
        ("import nowhere_to_be_found", "rogue = rogue:X", r"rogue-learners 1\.0.*must be importable.*ModuleNotFound"),
        ("", "rogue = rogue:X", r"must be importable and callable.*AttributeError"),
        ("def X(needed): ...", "rogue = rogue:X", r"callable without arguments; got TypeError"),
        ("X = dict", "rogue = rogue:X", r"gave a dict without add_item, describe, .*restore; inherit"),
        (
            "from learners import Popularity as X", "rogue = rogue:X",
            r"attribute `name` must be 'rogue'.*; got 'popularity'",
        ),
        (
            "from learners import Popularity as X", "last_followers = rogue:X",
            r"'last_followers': must be offered once; got headwater-last-followers 1\.0 .*, rogue-learners 1\.0",
        ),
        (
            "from learners import Popularity as X", "popularity = rogue:X",
            r"'popularity': must be offered once; got headwater \(learners\.popularity\.popularity:Popularity\), rogue",
        ),
    ],
)  # fmt: skip
def test_a_bad_source_is_reported_with_its_distribution(installed: Path, text: str, point: str, expected: str) -> None:
    rogue(installed, text, point)
    with pytest.raises(LearnerError, match=expected):
        make_learner(point.split(" ", maxsplit=1)[0])


def test_lists_of_names() -> None:
    assert [source.name for source in make_learners(" categories,, popularity ")] == ["categories", "popularity"]
    assert make_learners("") == []
    with pytest.raises(LearnerError, match="must be named once"):
        make_learners("categories,categories")
