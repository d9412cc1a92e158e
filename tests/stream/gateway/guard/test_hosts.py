"""Names and origins that are answered."""

import pytest

from stream.gateway.guard.hosts import Hosts, is_loopback, name_of


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"), ("LOCALHOST:80", "localhost"), ("[::1]", "::1"), ("[::1]:80", "::1"), ("", ""),
        ("[::1]x", ""), ("a:b", ""), ("a.example.:1", "a.example"), (" a ", "a"), ("[::1", ""),
    ],
)  # fmt: skip
def test_the_name_of_a_host_header(host: str, name: str) -> None:
    assert name_of(host) == name


def test_loopback_is_told_by_address_not_by_the_look_of_a_name() -> None:
    for name in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "shop.localhost"):
        assert is_loopback(name), name
    for name in ("", "0.0.0.0", "10.0.0.1", "127.0.0.1.example", "localhost.example", "notlocalhost", "127.1"):
        assert not is_loopback(name), name


def test_which_names_are_answered() -> None:
    local, named, any_ = Hosts("", local=True), Hosts("shop.example, [fe80::1]", local=False), Hosts("", local=False)
    assert [local.admits(host) for host in ("localhost:8080", "shop.example", "")] == [True, False, False]
    assert [named.admits(host) for host in ("localhost", "Shop.Example:443", "[fe80::1]", "x.example")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert any_.admits("whatever")


def test_which_pages_may_ask() -> None:
    local = Hosts("box.example", "https://shop.example", local=True)
    for origin in ("http://localhost:3000", "https://shop.example", "http://box.example"):
        assert local.admits_origin(origin), origin
    for origin in (
        "null",
        "http://shop.example",
        "https://evil.example",
        "http://[",
        "",
        "http://localhost.evil.example",
    ):
        assert not local.admits_origin(origin), origin
    assert Hosts("", local=False).admits_origin("https://evil.example"), "keys are needed, which it does not have"
