"""Keys: hashed, with a name, scopes and an expiry; from the configuration and from a file that may change meanwhile.

The file also names tokens that are called back: `revoked:ID`, or all of a user, `revoked-user:USER`.
"""

import hashlib
import logging
import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from stream.errors import UsageError

SCOPES = ("events", "catalogue", "slates", "admin")
OWN = "own"  # the scope of a token: the slates and the events of one user
ALIASES = {"read": ("slates",), "write": ("events", "catalogue")}  # accepted until REMOVED_IN, with a warning
REMOVED_IN = "0.2.0"
MIN_KEY = 16  # characters
PREFIX = "hw_"  # so that scanners of repositories can find a key
HASHED = re.compile(r"([A-Za-z0-9_.-]{1,60}):([a-z+]+):sha256-([0-9a-f]{64})(?::(.+))?")
REVOKED = re.compile(r"revoked:([A-Za-z0-9_-]{1,60})|revoked-user:(.{1,256})")  # of one token, of all of a user
NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
MAX_FILE_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who sends a request."""

    name: str  # of the bucket and of the audit: the name of the key, or the address
    scopes: frozenset[str]
    user: str | None = None  # the only user of whom they may read and write, if they have a token
    expires: float | None = None  # unix seconds
    digest: bytes = b""  # of the key
    token: str = ""  # id of the token


def every_scope(scopes: str) -> frozenset[str]:
    """The scopes of a text such as `events+slates`, with old names replaced.

    >>> sorted(every_scope("read+write"))
    ['catalogue', 'events', 'slates']
    """
    return frozenset(new for scope in scopes.split("+") for new in ALIASES.get(scope, (scope,)))


def digest(key: str) -> bytes:
    """What is stored of a key: one SHA-256 is enough for 256 random bits, which nobody can try out."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def new_key(name: str, scopes: str, expires: str = "") -> tuple[str, str]:
    """A new key, and its line for the configuration, which does not reveal it.

    Raises
    ------
    UsageError
        for a name, scopes or an expiry that the configuration would refuse
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"--name: must be up to 60 letters, digits, dots, dashes or underscores; got {name[:70]!r}")
    if not every_scope(scopes) <= set(SCOPES):
        raise UsageError(f"--scopes: must be of {', '.join(SCOPES)}, joined by +; got {scopes[:70]!r}")
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{name}:{scopes}:sha256-{digest(key).hex()}" + (f":{expires}" if expires else "")
    made = _parse(line, "--expires")
    if made.expires is not None and made.expires <= time.time():
        raise UsageError(f"--expires: must lie ahead, or the key admits nobody; got {expires}")
    return key, line


def _parse(line: str, where: str) -> Caller:
    """One key: `NAME:SCOPES:sha256-HEX[:EXPIRES]`, or `SCOPES:KEY` as it was before keys were hashed."""
    match = HASHED.fullmatch(line)
    if match is not None:
        name, scopes, hashed, expires = match.groups()
        found = Caller(name, every_scope(scopes), None, _expiry(expires, where), bytes.fromhex(hashed))
    else:
        scopes, _, key = line.partition(":")
        found = Caller(where.rpartition(": ")[2], every_scope(scopes), None, None, digest(key))
        if len(key) < MIN_KEY or ":sha256-" in key:
            found = found._replace(scopes=frozenset())
        else:
            log.warning(
                "%s: is in plain text; `headwater gateway key new` makes one of which only a hash is stored", where
            )
    if not found.scopes or not found.scopes <= set(SCOPES):
        raise UsageError(
            f"{where}: must be NAME:SCOPES:sha256-HASH[:EXPIRES] as `headwater gateway key new` prints it, or "
            f"SCOPES:KEY with scopes of {', '.join(SCOPES)} joined by + and at least {MIN_KEY} characters of key"
        )
    if old := sorted(ALIASES.keys() & set(scopes.split("+"))):
        renamed = ", ".join(f"{scope} is now {'+'.join(ALIASES[scope])}" for scope in old)
        log.warning("%s: the scope %s; old names are accepted until version %s", where, renamed, REMOVED_IN)
    return found


def _expiry(text: str | None, where: str) -> float | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{where}: the expiry must be a date or a time in ISO 8601, such as 2027-01-31; got {text[:40]!r}"
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


class Keys:
    """All keys: those of `gateway.keys`, separated by commas, and those of `gateway.keys_file`, one a line.

    Several keys may have one name: the new and the old one, while it is replaced.

    Raises
    ------
    UsageError
        for anything else; messages never repeat a key
    """

    def __init__(self, text: str, path: str = "") -> None:
        self._path = Path(path) if path else None
        self._configured = [
            _parse(part, f"gateway.keys: key {n}")
            for n, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1)
        ]
        self._stamp: object = None
        self._by_digest: dict[bytes, Caller] = {}
        self._revoked: frozenset[tuple[str, str]] = frozenset()  # a token's id, or a user
        self._take(self._read())

    def __bool__(self) -> bool:
        """Whether a key is needed; with an empty file nobody is admitted, rather than everybody."""
        return bool(self._by_digest) or self._path is not None

    def refresh(self) -> bool:
        """Read the file again if it has changed; one that cannot be used is logged, and the keys stay as they are."""
        if self._path is None or self._stamp == self._file_stamp():
            return False
        try:
            self._take(self._read())
        except UsageError as error:
            self._stamp = self._file_stamp()
            log.error("%s; the keys stay as they were", error)
            return False
        counts = len(self._by_digest), len(self._revoked)
        log.warning("gateway.keys_file %s: read again: %d keys, %d revocations", self._path, *counts)
        return True

    def find(self, key: str) -> Caller | None:
        """The caller with a key, None if it is unknown; they may have expired."""
        return self._by_digest.get(digest(key))

    def holds(self, caller: Caller) -> bool:
        """Whether the key of a caller is still among the keys, with the same rights, or their token is not revoked."""
        if {(caller.token, ""), ("", caller.user or "")} & self._revoked:
            return False
        return not caller.digest or self._by_digest.get(caller.digest) == caller

    def _take(self, found: list[Caller]) -> None:
        self._by_digest = {caller.digest: caller for caller in (*self._configured, *found)}

    def _file_stamp(self) -> object:
        try:
            found = (self._path or Path()).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> list[Caller]:
        if self._path is None:
            return []
        where = f"gateway.keys_file {self._path}"
        self._stamp = self._file_stamp()
        try:
            if self._path.stat().st_size > MAX_FILE_BYTES:
                raise UsageError(f"{where}: must have at most {MAX_FILE_BYTES} bytes")
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
        numbered = [(n, line.strip()) for n, line in enumerate(lines, 1)]
        numbered = [(n, line) for n, line in numbered if line and not line.startswith("#")]
        revoked = {line: match for _, line in numbered if (match := REVOKED.fullmatch(line)) is not None}
        found = [_parse(line, f"{where}: line {n}") for n, line in numbered if line not in revoked]
        self._revoked = frozenset((match[1] or "", match[2] or "") for match in revoked.values())
        return found
