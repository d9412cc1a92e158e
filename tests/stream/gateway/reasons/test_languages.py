"""Languages of reasons: the file, and which one a request gets."""

from pathlib import Path

import pytest

from stream.errors import UsageError
from stream.gateway.problems import Problem
from stream.gateway.reasons.languages import MAX_LANGUAGES, Languages, read_languages
from stream.gateway.reasons.why import Reason
from stream.gateway.reasons.words import ENGLISH

DUTCH = '[nl]\ndefault = "aanbevolen"\ngoes_with = "past bij {title}"\nmine = "van ons"\n'


def read(tmp_path: Path, text: str, default: str = "en") -> Languages:
    path = tmp_path / "reasons.toml"
    path.write_text(text, "utf-8")
    return read_languages(str(path), default, extra="mine, yours")


def test_a_language_says_what_it_has_and_its_default_for_the_rest(tmp_path: Path) -> None:
    languages = read(tmp_path, DUTCH + '[en]\nseen = "again?"\n')
    dutch, english = languages.named("nl"), languages.named("en")
    assert [dutch.say(Reason(*each)) for each in (("goes_with", "Kop"), ("mine",), ("seen",), ("unheard_of",))] == [
        "past bij Kop", "van ons", "aanbevolen", "aanbevolen",
    ]  # fmt: skip
    assert [english.say(Reason(*each)) for each in (("goes_with", "Cup"), ("seen",))] == ["goes with Cup", "again?"]
    assert read_languages("", "en").tags == ["en"]


def test_a_complete_language_needs_no_default(tmp_path: Path) -> None:
    whole = "[de]\n" + "".join(f'{name} = "so"\n' for name in ENGLISH)
    assert read(tmp_path, whole, "de").default.say(Reason("idle")) == "so"
    with pytest.raises(UsageError, match=r"\[de\]: must have all reasons, or `default` for those left out: seen$"):
        read(tmp_path, whole.replace('\nseen = "so"', ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[nl]\ndefault = "x"\ngoes_wiht = "y"', r"\[nl\] goes_wiht: is no reason; did you mean 'goes_with'\?"),
        ('[nl]\ndefault = "x"\ngoes_with = "{titel}"', r"\[nl\] goes_with: must have no place but \{title\}"),
        ('[nl]\ndefault = "{title}"', r"\[nl\] default: must have no place"),
        ('[nl]\nseen = "x"', r"\[nl\]: must have all reasons"),
        ('[dutch_]\ndefault = "x"', "must be the tag of a language"),
        ('nl = "x"', r"\[nl\]: must be a table"),
        ("", "must have 1 to 100 languages"),
        ("\n".join(f'[a{chr(97 + n // 26)}-{n}]\ndefault="x"' for n in range(MAX_LANGUAGES + 1)), "must have 1 to 100"),
        ("[nl", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, text)


def test_a_missing_file_and_an_unknown_default_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gateway\.reasons .*none\.toml: cannot be read"):
        read_languages(str(tmp_path / "none.toml"), "en")
    with pytest.raises(UsageError, match=r"gateway\.lang: must be one of en, nl; got 'fr'"):
        read(tmp_path, DUTCH, "fr")


def test_a_parameter_names_a_language_or_one_that_it_is_a_variety_of(tmp_path: Path) -> None:
    languages = read(tmp_path, DUTCH + '[pt-BR]\ndefault = "x"\n', "nl")
    assert [languages.named(tag).language for tag in ("", "nl-BE-x-y", "NL", "pt-br", "en-GB")] == [
        "nl", "nl", "nl", "pt-BR", "en",
    ]  # fmt: skip
    for unknown in ("fr", "pt", "n", "*"):
        with pytest.raises(Problem) as refused:
            languages.named(unknown)
        assert (refused.value.status, "must be one of en, nl, pt-BR" in refused.value.detail) == (422, True)


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "nl"), ("fr", "nl"), ("en", "en"), ("fr-CH, en;q=0.9, nl;q=0.8", "en"), ("nl;q=0.2,en;q=0.7", "en"),
        ("en-US,en;q=0.5", "en"), ("en;q=0, nl;q=0.1", "nl"), ("*", "nl"), ("*;q=0.9, en;q=0.5", "nl"),
        ("en;q=2", "nl"), (";;,,=", "nl"), ("EN", "en"), ("," * 5000 + "en", "nl"), ("en;q=", "nl"), ("\xff", "nl"),
    ],
)  # fmt: skip
def test_a_header_gets_what_it_likes_best(tmp_path: Path, header: str, tag: str) -> None:
    assert read(tmp_path, DUTCH, "nl").accepted(header).language == tag
