"""Which names a gateway answers to: a page of another site can point its own name at this machine (DNS rebinding)."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from yarl import URL

from stream.gateway.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROBES = {"/healthz", "/readyz"}  # are asked by address, and reveal nothing


def name_of(host: str) -> str:
    """The name in a Host header, without port, in small letters; empty if there is none.

    >>> name_of("LocalHost:8080"), name_of("[::1]:8080"), name_of("shop.example."), name_of("a:b:c")
    ('localhost', '::1', 'shop.example', '')
    """
    text = host.strip().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        port = port.removeprefix(":")
        return name if closed and (not port or port.isdecimal()) else ""
    name, _, port = text.partition(":")
    return name.rstrip(".") if not port or port.isdecimal() else ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address means this machine only."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


class Hosts:
    """The names that a gateway answers to.

    Parameters
    ----------
    names : `gateway.hosts`: further ones, separated by commas
    origins : `gateway.cors_origins`: pages that may ask
    local : whether only this machine is served, without keys: then any other name is a trick, and so is a page of
        another site that asks. Otherwise names are checked if `names` has any.
    """

    def __init__(self, names: str, origins: str = "", *, local: bool) -> None:
        self._names = {name_of(part) for part in names.split(",") if part.strip()}
        self._origins = {part.strip() for part in origins.split(",") if part.strip()}
        self._local = local

    def admits(self, host: str) -> bool:
        """Whether requests for a name are answered."""
        if not self._local and not self._names:
            return True
        name = name_of(host)
        return name in self._names or is_loopback(name)

    def admits_origin(self, origin: str) -> bool:
        """Whether pages of an origin may ask."""
        if not self._local or origin in self._origins:
            return True
        try:
            name = URL(origin).host or ""
        except ValueError:
            return False
        return is_loopback(name) or name in self._names


def answering_to(hosts: Hosts) -> Any:
    """Refuses requests for other names, and from pages of other sites."""

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PROBES:
            return await handler(request)
        named = request.headers.getall("Host", [])
        if len(named) > 1:
            raise Problem(400, f"Host: must be given once; got {len(named)}")
        if not request.raw_path.startswith(("/", "*")):  # the address names the host, which counts (RFC 9112, 3.2.2)
            named = [urlsplit(request.raw_path).netloc]
        if not hosts.admits(named[0] if named else ""):
            raise Problem(
                421,
                f"Host: must be localhost or a name of gateway.hosts; got {named[0][:100] if named else ''!r}: set "
                "HEADWATER_GATEWAY_HOSTS to the names under which this gateway is reached",
            )
        origin = request.headers.get("Origin")
        if origin is not None and not hosts.admits_origin(origin):
            raise Problem(403, f"Origin: pages of {origin[:100]!r} may not ask: see gateway.cors_origins")
        return await handler(request)

    return checked
