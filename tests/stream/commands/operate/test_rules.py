"""`headwater rules check`: what it prints and refuses."""

from pathlib import Path

import pytest

from stream import cli
from stream.commands.operate.rules import _attribute


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("country=NL", ("country", "NL")),
        ("attributes.age=17", ("age", 17.0)),
        ("member=true", ("member", True)),
        ("member=false", ("member", False)),
        ("note=a=b", ("note", "a=b")),
        ("limit=inf", ("limit", "inf")),
        ("note=", ("note", "")),
    ],
)
def test_values_are_read_as_what_they_look_like(text: str, attribute: tuple[str, object]) -> None:
    assert _attribute(text) == attribute


@pytest.mark.parametrize("text", ["country", "=NL"])
def test_an_attribute_needs_a_name_and_a_value(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    assert cli.main(["rules", "check", str(file), "--user", text]) == 2
    assert f"--user: must be ATTR=VALUE such as country=NL; got '{text}'" in capsys.readouterr().err


def test_a_file_that_cannot_be_used_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[[bost]]\n")
    assert cli.main(["rules", "check", str(file)]) == 2
    assert "bost" in capsys.readouterr().err


def test_the_example_is_printed_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).resolve().parents[4] / "deploy" / "rules.example.toml"
    assert cli.main(["rules", "check", str(example)]) == 0
    first, *rules = capsys.readouterr().out.splitlines()
    assert first == f"{example}: {len(rules)} rules"
    assert all(line.startswith("  ") for line in rules)
