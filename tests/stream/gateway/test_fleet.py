"""A name stands for all of its addresses."""

import asyncio
import socket
from typing import Any

import pytest

from stream.gateway.fleet import addresses

NAMES = {"worker": ["10.0.0.2", "10.0.0.1"], "other": ["10.0.0.3"]}


class Resolver(asyncio.SelectorEventLoop):
    """Knows two names."""

    async def getaddrinfo(self, host: Any, port: Any, *, family: int = 0, type: int = 0, **_: Any) -> Any:  # noqa: A002
        if family != socket.AF_INET or host not in NAMES:
            raise socket.gaierror(host)
        return [(family, type, 6, "", (address, port)) for address in NAMES[host]]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", []),
        ("http://worker:6066", ["http://10.0.0.1:6066", "http://10.0.0.2:6066"]),
        ("http://other:7/, http://worker:6066/,http://worker:6066",
         ["http://10.0.0.3:7", "http://10.0.0.1:6066", "http://10.0.0.2:6066"]),
        ("http://nobody:6066", ["http://nobody:6066"]),
        ("https://worker:6066", ["https://worker:6066"]),
    ],
)  # fmt: skip
def test_every_address_behind_the_names(setting: str, expected: list[str]) -> None:
    with asyncio.Runner(loop_factory=Resolver) as runner:
        assert runner.run(addresses(setting)) == expected


def test_a_real_name_is_resolved() -> None:
    assert asyncio.run(addresses("http://localhost:6066")) == ["http://127.0.0.1:6066"]
