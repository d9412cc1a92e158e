"""Templates of reasons."""

import pytest

from stream.gateway.reasons.why import Reason
from stream.gateway.reasons.words import ENGLISH, IN_ENGLISH, MAX_CHARACTERS, PLACES, Words, fault


def test_english_is_without_fault_and_uses_its_places() -> None:
    assert not [name for name, template in ENGLISH.items() if fault(name, template)]
    for name, place in PLACES.items():
        assert f"{{{place}}}" in ENGLISH[name]
        assert "X1" in IN_ENGLISH.say(Reason(name, "X1"))


def test_what_stands_in_a_place_is_no_template() -> None:
    assert IN_ENGLISH.say(Reason("goes_with", "{0} {title!r} {{}}")) == "goes with {0} {title!r} {{}}"
    assert Words("x", ENGLISH | {"seen": "{{brackets}}"}).say(Reason("seen")) == "{brackets}"


def test_a_feature_without_words_is_named() -> None:
    assert IN_ENGLISH.say(Reason("of_my_own")) == "of my own speaks for it"


@pytest.mark.parametrize(
    ("name", "template", "says"),
    [
        ("goes_with", "past bij {titel}", "must have no place but {title}; got {titel}"),
        ("goes_with", "past bij {title.__class__}", "got {title.__class__}"),
        ("goes_with", "past bij {title[0]}", "got {title[0]}"),
        ("goes_with", "past bij {title!r}", "got {title!r}"),
        ("goes_with", "past bij {title:>90}", "got {title:>90}"),
        ("goes_with", "past bij {}", "got {}"),
        ("goes_with", "past bij {title", "must have each brace closed"),
        ("goes_with", "past bij title}", "must have each brace closed"),
        ("seen", "{title} gezien", "must have no place in braces; got {title}"),
        ("default", "{feature}", "must have no place in braces"),
        ("seen", "", "must be text of 1 to 300 characters"),
        ("seen", "x" * (MAX_CHARACTERS + 1), "must be text of 1 to 300 characters"),
        ("seen", 7, "must be text"),
    ],
)
def test_a_template_that_would_show_braces_or_run_anything_is_refused(name: str, template: object, says: str) -> None:
    assert says in fault(name, template)
