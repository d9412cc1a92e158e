"""Tokens: for one user, one site and a while."""

import time

import jwt
import pytest

from stream.errors import UsageError
from stream.gateway.guard.tokens import InvalidTokenError, Tokens

SECRET, OLD = "s" * 32, "o" * 32


def refusal(tokens: Tokens, token: str) -> InvalidTokenError:
    with pytest.raises(InvalidTokenError) as found:
        tokens.caller(token)
    return found.value


def test_a_token_names_its_user_until_it_expires() -> None:
    tokens, now = Tokens(SECRET), time.time()
    token, expires, token_id = tokens.sign("ada äß/..", 60, now)
    caller = tokens.caller(token)
    assert (caller.user, caller.scopes, caller.expires) == ("ada äß/..", frozenset({"own"}), expires)
    assert int(now) + 60 == expires
    assert caller.token == token_id != tokens.sign("ada äß/..", 60, now).token_id, "each has an id of its own"
    old, *_ = tokens.sign("ada", 60, now - 61)
    assert not refusal(tokens, old).forged, "it was ours: no guess at a key"


def test_a_secret_is_replaced_without_calling_back_tokens() -> None:
    token, *_ = Tokens(OLD).sign("ada", 60, time.time())
    assert Tokens(f"{SECRET}, {OLD}").caller(token).user == "ada"
    assert refusal(Tokens(SECRET), token).forged
    assert Tokens(SECRET).caller(Tokens(f"{SECRET},{OLD}").sign("ben", 60, time.time())[0]).user == "ben"


def test_only_what_this_site_signed_is_good() -> None:
    tokens, now = Tokens(SECRET, "shop"), int(time.time())
    good = {"sub": "ada", "aud": "headwater:shop", "exp": now + 60}
    assert tokens.caller(jwt.encode(good, SECRET, "HS256")).user == "ada"
    for wrong in (
        jwt.encode(good | {"aud": "headwater:other"}, SECRET, "HS256"), jwt.encode(good, None, "none"),
        jwt.encode(good, SECRET * 2, "HS512"), jwt.encode({"sub": "ada", "aud": "headwater:shop"}, SECRET, "HS256"),
        jwt.encode({"aud": "headwater:shop", "exp": now + 60}, SECRET, "HS256"), "a.b.c", "..", "\udcff.\udcff.\udcff",
        jwt.encode(good | {"sub": 7}, SECRET, "HS256"), jwt.encode(good, "x" * 32, "HS256"),
    ):  # fmt: skip
        assert refusal(tokens, wrong).forged


def test_short_secrets_are_refused_without_repeating_them() -> None:
    with pytest.raises(UsageError, match=r"gateway.token_secret: must have at least 32 characters") as found:
        Tokens(f"{SECRET},hunter2")
    assert "hunter2" not in str(found.value)
    assert not Tokens("")
