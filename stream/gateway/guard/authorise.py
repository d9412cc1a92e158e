"""Admits requests whose key or token has the scope of their handler, and callers who do not ask too often."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import web

from stream.gateway.guard.audit import Audit
from stream.gateway.guard.keys import OWN, SCOPES, Caller, Keys
from stream.gateway.guard.limits import Attempts, Buckets
from stream.gateway.guard.tokens import InvalidTokenError, Tokens
from stream.gateway.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALLER = web.RequestKey("caller", Caller)
QUOTA = web.RequestKey("quota", str)  # what is left to the caller, as a header
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Guard(NamedTuple):
    """What decides about a request."""

    keys: Keys
    tokens: Tokens
    buckets: Buckets
    attempts: Attempts
    audit: Audit


class Charge(NamedTuple):
    """Takes from the rate limit of a caller.

    Parameters
    ----------
    limited : called for every request above the rate
    """

    guard: Guard
    request: web.Request
    name: str
    limited: Callable[[], None]

    def take(self, cost: float = 1.0) -> None:
        """Take so many tokens.

        Raises
        ------
        Problem
            429 if they are not there
        """
        now, buckets = time.monotonic(), self.guard.buckets
        wait = buckets.take(self.name, now, cost)
        self.request[QUOTA] = buckets.quota(self.name, now)
        if wait:
            self.limited()
            raise Problem(
                429, f"more than {buckets.rate:g} requests a second: wait {wait:g} s",
                headers={"Retry-After": f"{wait:g}"},
            )  # fmt: skip


CHARGE = web.RequestKey("charge", Charge)


class Access(NamedTuple):
    """What a handler needs: scopes (`a+b`: both, `a|b`: one), and whether a token of the user concerned will do.

    Parameters
    ----------
    weight : of a request, in the rate limit
    """

    scope: str
    own: bool = False
    weight: float = 1.0


def caller_of(request: web.Request) -> Caller:
    """Who sends an admitted request."""
    return request[CALLER]


def required_user(caller: Caller, user_id: str) -> None:
    """Refuse a token of another user.

    Raises
    ------
    Problem
        403
    """
    if caller.user is not None and caller.user != user_id:
        raise Problem(403, "the token is signed for another user: it reads and writes only what is theirs")


def authorising(guard: Guard, needed: Mapping[Any, Access], limited: Callable[[], None]) -> Any:
    """Checks keys and tokens, scopes and rates, and has the audit written.

    Parameters
    ----------
    needed : by each handler; a handler without an entry, such as a page or a probe, is open to all
    limited : called for every request above the rate, or with a key while its address must wait
    """

    @web.middleware
    async def authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
        access = needed.get(request.match_info.handler)
        if access is None:
            return await handler(request)
        address, name, status = request.remote or "unknown", "", 500
        try:
            caller = _identify(guard, request, address, limited)
            name = caller.name
            charge = Charge(guard, request, name, limited)
            charge.take(access.weight)
            _require(caller, access, request)
            request[CALLER], request[CHARGE] = caller, charge
            response = await handler(request)
            status = response.status
            return response
        except (Problem, web.HTTPException) as problem:
            status = problem.status
            raise
        finally:
            resource = request.match_info.route.resource
            route = "none" if resource is None else resource.canonical
            guard.audit.note(name, address, access.scope, (request.method, route), status, time.monotonic())

    return authorised


def _identify(guard: Guard, request: web.Request, address: str, limited: Callable[[], None]) -> Caller:
    if not guard.keys:
        return Caller(address, frozenset(SCOPES))
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    given = given.strip()
    if kind.lower() != "bearer" or not given:
        Charge(guard, request, f"no key, {address}", limited).take()
        raise Problem(401, "a key is needed: Authorization: Bearer KEY", headers=CHALLENGE)
    now = time.monotonic()
    wait = guard.attempts.wait(address, now)
    if wait and not guard.attempts.trusted(address, now):
        raise _too_many_wrong(wait, limited)
    caller, reason, forged = guard.keys.find(given), "the key is unknown", True
    if caller is None and guard.tokens and given.count(".") == 2:
        try:
            caller = guard.tokens.caller(given)
        except InvalidTokenError as error:
            reason, forged = str(error), error.forged
    if caller is not None and not guard.keys.holds(caller):
        raise Problem(401, "the token was revoked: ask for a new one", headers=CHALLENGE)
    if caller is None:
        if wait:
            raise _too_many_wrong(wait, limited)
        if forged:
            guard.attempts.wrong(address, now)
        raise Problem(401, f"{reason}: Authorization: Bearer KEY", headers=CHALLENGE)
    if caller.expires is not None and caller.expires <= time.time():
        until = datetime.fromtimestamp(caller.expires, UTC).isoformat()
        raise Problem(401, f"the key {caller.name} expired at {until}: ask for a new one", headers=CHALLENGE)
    guard.attempts.right(address, now)
    return caller


def _too_many_wrong(wait: float, limited: Callable[[], None]) -> Problem:
    limited()
    return Problem(429, f"too many wrong keys from this address: wait {wait:g} s", headers={"Retry-After": f"{wait:g}"})


def _require(caller: Caller, access: Access, request: web.Request) -> None:
    if OWN in caller.scopes:
        if not access.own:
            raise Problem(403, "a token of a user reads only their slates, and writes only their events")
        if "user_id" in request.match_info:
            required_user(caller, request.match_info["user_id"])
        return
    if not any(caller.scopes >= set(each.split("+")) for each in access.scope.split("|")):
        scopes = access.scope.replace("|", " or ").replace("+", " and ")
        raise Problem(403, f"the key must have the scope {scopes}; it has {', '.join(sorted(caller.scopes))}")
