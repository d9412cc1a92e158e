"""Rules files: what they may say, and the one line that a wrong one is answered with."""

import math
from pathlib import Path

import pytest

from stream import cli
from stream.config import Config, Slate
from stream.errors import UsageError
from stream.model.fold import Model
from stream.rules.describe import in_words
from stream.rules.file import Bought, Cap, Pin, RuleBook, When, load_rules, parse_rules
from stream.rules.parse import Condition, RulesError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "rules.example.toml"


def test_an_empty_file_has_no_rules() -> None:
    assert parse_rules("") == RuleBook()


def test_a_file_is_read() -> None:
    book = parse_rules(
        """
        diversity = 0.25
        [[cap]]
        field = "seller"
        at_most = 3
        first = 10
        [[pin]]
        name = "launch"
        item = "sku-1"
        slot = 1
        audience = [{ field = "attributes.country", op = "in", value = ["NL", "BE"] }]
        from = 2026-11-27T00:00:00+01:00
        until = 2026-11-28T00:00:00+01:00
        [[bought]]
        items = [{ field = "category", op = "=", value = "coffee" }]
        again = "after"
        days = 2
        [[bought]]
        again = "never"
        """
    )
    assert book.diversity == 0.25
    assert book.caps == (Cap("cap 1", "attributes.seller", 3, 10),)
    audience = (Condition("attributes.country", "in", ("NL", "BE")),)
    assert book.pins == (Pin("launch", "sku-1", 0, When(audience, 1_795_734_000.0, 1_795_820_400.0)),)
    assert book.boughts == (
        Bought("bought 1", (Condition("category", "=", ("coffee",)),), 172_800.0),
        Bought("bought 2", (), math.inf),
    )


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"missing\.toml: cannot be read: No such file"):
        load_rules(str(tmp_path / "missing.toml"))
    (tmp_path / "r.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"r\.toml: is not TOML"):
        load_rules(str(tmp_path / "r.toml"))


def test_the_file_is_read_when_a_model_starts(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("diversity = 3")
    with pytest.raises(RulesError, match="diversity"):
        Model(Config(slate=Slate(rules=str(file))))


def test_check_prints_what_was_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        "[[exclude]]\nitems = [{ field = 'price', op = '>', value = 9.5 }]\n"
        "audience = [{ field = 'attributes.age', op = '<', value = 18 }]\nuntil = 2026-01-02T00:00:00Z\n"
        "[[eligible]]\nitem = 'attributes.min_age'\nop = '<='\nuser = 'attributes.age'\n"
    )
    assert cli.main(["rules", "check", str(file), "--user", "age=17", "--user", "attributes.vip=true"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: 2 rules",
        (
            "  exclude 1: never items with price > 9.5, for users with attributes.age < 18, until 2026-01-02T00:00:00Z "
            "[holds for this user]"
        ),
        (
            "  eligible 1: only items whose attributes.min_age <= the user's attributes.age; shown if the item lacks "
            "it, hidden if the user does [this user: 17]"
        ),
    ]
    assert cli.main(["rules", "check", str(file), "--user", "country=NL"]) == 0
    out = capsys.readouterr().out
    assert "[not for this user]" in out
    assert "[this user lacks it: hidden]" in out


@pytest.mark.parametrize(("arguments", "says"), [(["--user", "age"], "--user: must be ATTR=VALUE"), ([], "rules ")])
def test_check_refuses_with_exit_code_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("" if arguments else "diversity = 3")
    assert cli.main(["rules", "check", str(file), *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert captured.err.startswith(f"headwater: {says}")


def test_the_example_is_fine_and_shows_every_kind() -> None:
    book = load_rules(str(EXAMPLE))
    assert all(book), "every kind of rule"
    assert len(list(in_words(book))) == 1 + sum(len(part) for part in book[1:])
