"""Settings of placements: what is refused in which words, and what a slate of a placement is made by."""

import re
import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest

from stream.config import Config, ConfigError, Placement, Policy, Ranking, load, to_environment, to_toml
from stream.placements import MOST, key_of, name_of, page_of, pushes

TEXT = """
[slate]
slots = 12
[policy]
epsilon = 0.2
discount = 0.5
[placements.cart]
slots = 4
push = true
epsilon = 0.1
policy = "q_learning"
purchase_weight = 3.0
[placements.mail]
exposure = "reported"
learning = "shared"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "headwater.toml"
    path.write_text(text)
    return path


def test_a_placement_is_home_but_for_what_it_says(tmp_path: Path) -> None:
    config = load(written(tmp_path, TEXT), {})
    cart, mail = config.at("cart"), config.at("mail")
    assert (cart.slate.slots, mail.slate.slots) == (4, 10)
    assert cart.policy == Policy(name="q_learning", epsilon=0.1, discount=0.5)
    assert mail.policy == Policy(epsilon=0.2, discount=0.5)
    assert (cart.ranking, mail.ranking) == (Ranking(purchase_weight=3.0), Ranking())
    assert (cart.placements, cart.rewards) == ({}, config.rewards)


def test_placements_survive_the_environment_and_a_printed_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, TEXT), {})
    assert load(None, to_environment(config)) == config
    assert load(written(tmp_path, to_toml(config)), {}) == config
    assert tomllib.loads(to_toml(config))["placements"]["cart"]["slots"] == 4
    assert load(written(tmp_path, TEXT), {"HEADWATER_PLACEMENTS": "{}"}).placements == {}, "the environment wins"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[placements.home]\nslots = 3", "placements.home: home is always there"),
        ("[placements.cart]\nslotz = 3", "slotz"),
        ("[placements.Cart]\nslots = 3", "matching regex"),
        ("[placements.cart]\nslots = 41", "`int` <= 40"),
        ('[placements.cart]\ncandidates = "magic"', "placements.cart.candidates: must be one of all"),
        ('[placements.cart]\nexposure = "guessed"', "guessed"),
        ('[placements.cart]\nlearning = "shared"\nepsilon = 0.1', "shared takes home's policy as it is"),
        ('[placements.cart]\nlearning = "shared"\nslots = 30', r"at most slate.slots \(20\); got 30"),
        ("\n".join(f"[placements.p{n}]" for n in range(MOST + 1)), f"at most {MOST} beside home; got {MOST + 1}"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(written(tmp_path, text), {})


def test_the_variable_must_be_json() -> None:
    with pytest.raises(ConfigError, match=re.escape("HEADWATER_PLACEMENTS: must be a JSON object")):
        load(None, {"HEADWATER_PLACEMENTS": "cart"})


def test_keys_name_placement_and_page() -> None:
    for name in ("home", "cart"):
        for page in (1, 2, 10):
            key = key_of(name, page)
            assert (name_of(key), page_of(key)) == (name, page)
    assert pushes({}, "")
    assert not pushes({"cart": Placement(push=True)}, key_of("home", 2))


def test_the_printed_file_of_a_site_without_any_shows_how_to_write_one(tmp_path: Path) -> None:
    text = to_toml(Config())
    assert load(written(tmp_path, text), {}) == Config()
    shown = text[text.index("# [placements.NAME]") :].replace("# # ", "## ").replace("\n# ", "\n")[2:]
    found = load(written(tmp_path, shown.replace("NAME", "cart")), {})
    assert found.placements == {"cart": Placement()}
    hints = get_type_hints(Placement, include_extras=True)
    assert all(f"# # {hints[name].__metadata__[0].description}\n" in text for name in Placement.__struct_fields__)
