"""Rules files: what they may say, and the one line that a wrong one is answered with."""

import math
import re
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


EXCLUDE = '[[exclude]]\nname = "sale"\nitems = [{{ {} }}]'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[cap]\n", "rules r.toml: is not TOML: "),
        (
            "divers = 0.2",
            (
                "rules r.toml: key `divers`: must be one of diversity, [[cap]], [[pin]], [[boost]], "
                "[[exclude]], [[eligible]], [[bought]]; did you mean `diversity`?"
            ),
        ),
        ("[[caps]]\n", "did you mean `cap`?"),
        ("[cap]\nfield = 'brand'", "rules r.toml: `cap`: must be written with double brackets, [[cap]]"),
        ("cap = [1]", "rules r.toml: cap 1: must be a table; got 1"),
        ("diversity = 2", "rules r.toml: key `diversity`: must be a number in [0, 1]; got 2"),
        ("diversity = nan", "key `diversity`: must be a number in [0, 1]; got nan"),
        (
            "[[cap]]\nfield = 'brand'",
            "rules r.toml: cap 1: key `at_most`: must be a whole number in [1, 40]; it is missing",
        ),
        ("[[cap]]\nfield = 'brand'\nat_most = true", "key `at_most`: must be a whole number in [1, 40]; got True"),
        (
            "[[cap]]\nfield = 'brand'\nat_most = 1\nfirts = 3",
            ("cap 1: key `firts`: must be one of name, field, at_most, first; did you mean `first`?"),
        ),
        (
            "[[cap]]\nfield = 'bran'\nat_most = 1",
            (
                "cap 1: key `field`: must be one of item, category, price, brand, seller, "
                "attributes.NAME; got 'bran'; did you mean `brand`?"
            ),
        ),
        ("[[cap]]\nfield = 'size'\nat_most = 1", "did you mean `attributes.size`?"),
        ("[[cap]]\nfield = 'item'\nat_most = 1", "must be a field that items share"),
        ("[[pin]]\nitem = 'a'\nslot = 0", "pin 1: key `slot`: must be a whole number in [1, 40]; got 0"),
        (
            "[[pin]]\nitem = 'a'\nslot = 1\n[[pin]]\nname = 'b'\nitem = ''\nslot = 2",
            "pin 2 ('b'): key `item`: must be a text; got ''",
        ),
        (
            "[[pin]]\nitem = 'a'\nslot = 1\nfrom = '2026-01-01'",
            (
                "key `from`: must be a date-time with an offset such as "
                "2026-11-27T00:00:00Z, without quotes; got '2026-01-01'"
            ),
        ),
        ("[[pin]]\nitem = 'a'\nslot = 1\nfrom = 2026-01-01T00:00:00", "key `from`: must be a date-time with an offset"),
        (
            "[[pin]]\nitem = 'a'\nslot = 1\nfrom = 2026-01-01T00:00:00Z\nuntil = 2026-01-01T00:00:00Z",
            "key `until`: must be later than `from`",
        ),
        (
            "[[pin]]\nitem = 'a'\nslot = 1\naudience = [{ field = 'price', op = 'exists' }]",
            "`audience` 1: key `field`: must be one of attributes.NAME; got 'price'; did you mean `attributes.price`?",
        ),
        ("[[boost]]\nmultiply = 2", "boost 1: key `items`: must be a list of conditions such as"),
        ("[[boost]]\nitems = [{ field = 'category', op = 'exists' }]", "key `multiply`: must be there, or `add`"),
        (
            "[[boost]]\nitems = [{ field = 'category', op = 'exists' }]\nmultiply = -1",
            "must be a number in [0, 1e+06]; got -1",
        ),
        (
            EXCLUDE.format("field = 'price', op = '=>', value = 3"),
            (
                "exclude 1 ('sale'): `items` 1: key `op`: must be one of =, "
                "!=, <, <=, >, >=, in, not in, exists, missing; got '=>'"
            ),
        ),
        (EXCLUDE.format("field = 'price', op = 'not-in', value = 3"), "did you mean `not in`?"),
        (
            EXCLUDE.format("field = 'price', op = '<', value = '3'"),
            "key `value`: must be a number in [-inf, inf]; got '3'",
        ),
        (
            EXCLUDE.format("field = 'price', op = '=', value = '3'"),
            "key `value`: must be a number: `price` is one; got '3'",
        ),
        (EXCLUDE.format("field = 'category', op = '<', value = 3"), "must be a text, or texts with `in`"),
        (EXCLUDE.format("field = 'category', op = 'in', value = 'a'"), "must be a list with op `in`; got 'a'"),
        (EXCLUDE.format("field = 'category', op = '='"), "must be a text, a number, true or false; it is missing"),
        (EXCLUDE.format("field = 'category', op = 'missing', value = 1"), "must not be there with op `missing`; got 1"),
        (EXCLUDE.format("field = 'brand', op = '=', value = 'a, b'"), "must be one entry without commas; for several"),
        (EXCLUDE.format("field = 'brand', op = '=', value = 1, or = 2"), "key `or`: must be one of field, op, value"),
        (
            "[[eligible]]\nitem = 'price'\nop = '~'\nuser = 'attributes.a'",
            ("key `op`: must be one of =, !=, <, <=, >, >=, contains, excludes; got '~'"),
        ),
        (
            "[[eligible]]\nitem = 'price'\nop = '='\nuser = 'age'",
            ("key `user`: must be one of attributes.NAME; got 'age'; did you mean `attributes.age`?"),
        ),
        (
            "[[eligible]]\nitem = 'price'\nop = '='\nuser = 'attributes.a'\nif_user_lacks = 'hid'",
            "did you mean `hide`?",
        ),
        ("[[bought]]\nagain = 'after'", "bought 1: key `days`: must be a number in [0, 36500]; it is missing"),
        ("[[bought]]\nagain = 'never'\ndays = 2", "key `days`: must stand with again = 'after' only; got 2"),
    ],
)
def test_a_mistake_is_named(text: str, says: str) -> None:
    with pytest.raises(RulesError, match=re.escape(says)) as found:
        parse_rules(text, "r.toml")
    assert "\n" not in str(found.value).rstrip()
    assert str(found.value).startswith("rules r.toml: ")
    assert found.value.exit_code == 2


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
