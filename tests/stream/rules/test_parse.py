"""Errors of a rules file name the place, the key, what must hold and what came."""

import re

import pytest

from stream.rules.file import parse_rules
from stream.rules.parse import RulesError

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
            "[[pin]]\nitem = 'a '\nslot = 1",
            "pin 1: key `item`: must not begin or end with white space; got 'a ': leave it out",
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
def test_an_error_names_the_mistake(text: str, says: str) -> None:
    with pytest.raises(RulesError, match=re.escape(says)) as found:
        parse_rules(text, "r.toml")
    assert "\n" not in str(found.value).rstrip()
    assert str(found.value).startswith("rules r.toml: ")
    assert found.value.exit_code == 2
