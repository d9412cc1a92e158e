"""Tokens: signed for one user, with an expiry, so that a browser may hold one."""

import secrets
from typing import NamedTuple

import jwt

from stream.errors import UsageError
from stream.gateway.guard.keys import OWN, Caller

ALGORITHM = "HS256"
MIN_SECRET = 32  # characters
MAX_S = 7 * 86_400.0  # of a token's life: so long a revocation has to be kept
ID_BYTES = 12  # of a token's id


class InvalidTokenError(Exception):
    """A token that admits nobody; `forged` if its signature is not ours."""

    def __init__(self, text: str, *, forged: bool) -> None:
        super().__init__(text)
        self.forged = forged


class Signed(NamedTuple):
    """A new token."""

    token: str
    expires: float  # unix seconds
    token_id: str  # by which it can be called back


class Tokens:
    """Signs and checks tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA-256.

    Parameters
    ----------
    text : the secrets, separated by commas: the first signs, all are accepted, so that one can be replaced
    namespace : of the site: a token is good for one site only

    Raises
    ------
    UsageError
        for a short secret; the message does not repeat it
    """

    def __init__(self, text: str, namespace: str = "") -> None:
        self._secrets = [part for part in (part.strip() for part in text.split(",")) if part]
        if any(len(secret) < MIN_SECRET for secret in self._secrets):
            raise UsageError(
                f"gateway.token_secret: must have at least {MIN_SECRET} characters, as of `openssl rand -hex 32`"
            )
        self._audience = f"headwater:{namespace}"

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def sign(self, user_id: str, seconds: float, now: float) -> Signed:
        """A token for a user."""
        expires, token_id = int(now + seconds), secrets.token_urlsafe(ID_BYTES)
        claims = {"sub": user_id, "aud": self._audience, "iat": int(now), "exp": expires, "jti": token_id}
        return Signed(jwt.encode(claims, self._secrets[0], ALGORITHM), float(expires), token_id)

    def caller(self, token: str) -> Caller:
        """Who sends a token.

        Raises
        ------
        InvalidTokenError
            for one that is not signed by any of the secrets, is for another site, or has expired
        """
        for secret in self._secrets:
            try:
                claims = jwt.decode(
                    token, secret, algorithms=[ALGORITHM], audience=self._audience,
                    options={"require": ["exp", "sub", "aud"]},
                )  # fmt: skip
            except jwt.ExpiredSignatureError:
                raise InvalidTokenError("the token has expired: ask for a new one", forged=False) from None
            except (jwt.InvalidTokenError, UnicodeError):
                continue
            user = str(claims["sub"])
            own = frozenset({OWN})
            return Caller(f"token of {user}", own, user, float(claims["exp"]), token=str(claims.get("jti", "")))
        raise InvalidTokenError("the token is not signed for this site", forged=True)
