"""The configuration: read once at the start from a TOML file and the environment, which wins.

`headwater config` prints every setting as a TOML file that can be edited. Key `slots` of section `slate` is
`HEADWATER_SLATE_SLOTS` in the environment; `HEADWATER_BROKER` is short for `HEADWATER_KAFKA_BROKER`. The tables
`[placements.NAME]` are one variable there, `HEADWATER_PLACEMENTS`: a JSON object of objects by name, in place of those
of the file.
"""

import difflib
import logging
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from stream.errors import UsageError
from stream.placements import POLICY, WEIGHTS, Name, Placement, fault
from stream.records.numbers import number, whole
from stream.settings import (
    Drift,
    DriftAnswer,
    Gateway,
    Kafka,
    Policy,
    Ranking,
    Rewards,
    Slate,
    Sources,
    Worker,
)

__all__ = [
    "Config",
    "ConfigError",
    "Drift",
    "DriftAnswer",
    "Gateway",
    "Kafka",
    "Placement",
    "Policy",
    "Ranking",
    "Rewards",
    "Slate",
    "Sources",
    "Worker",
    "load",
    "take_renamed",
    "to_environment",
    "to_toml",
]

PREFIX = "HEADWATER_"
SECRETS = {"sasl_password", "keys", "token", "token_secret", "metrics_token"}
MASK = "********"
RENAMED = {("drift", "calm"): "cool_down"}  # section, old key -> new key; old names are accepted until REMOVED_IN
RETIRED = {  # section, old key -> new key with another unit, where only 0 (never) means the same
    ("slate", "backlog_records"): "wait_ms",
    ("slate", "backlog_s"): "wait_ms",
}
REMOVED_IN = "0.2.0"
PLACEMENTS = f"{PREFIX}PLACEMENTS"

log = logging.getLogger(__name__)


class ConfigError(UsageError):
    """A setting that cannot be used; the message says which, why and what would do."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings."""

    kafka: Kafka = Kafka()
    slate: Slate = Slate()
    rewards: Rewards = Rewards()
    policy: Policy = Policy()
    ranking: Ranking = Ranking()
    sources: Sources = Sources()
    drift: Drift = Drift()
    worker: Worker = Worker()
    gateway: Gateway = Gateway()
    placements: dict[Name, Placement] = {}

    @property
    def pushed(self) -> tuple[str, ...]:
        """Placements whose slates are published after each event, beside home's."""
        return tuple(name for name, placement in self.placements.items() if placement.push)

    def at(self, placement: str) -> "Config":
        """The settings that slates of a placement are made by, as if it were home."""
        own = self.placements[placement]
        policy = own.given(*POLICY) | ({"name": own.policy} if own.policy else {})
        rules = own.rules or self.slate.rules
        return msgspec.structs.replace(
            self, slate=msgspec.structs.replace(self.slate, slots=own.slots, rules=rules),
            policy=msgspec.structs.replace(self.policy, **policy),
            ranking=msgspec.structs.replace(self.ranking, **own.given(*WEIGHTS)), placements={},
        )  # fmt: skip


SECTIONS = tuple(name for name in Config.__struct_fields__ if name != "placements")  # those with fixed keys


def load(path: Path | None, environment: Mapping[str, str]) -> Config:
    """Read settings from a TOML file (if any) and the environment, which wins.

    Raises
    ------
    ConfigError
        for a missing file, an unknown key, a wrong type or a value out of range
    """
    settings: dict[str, dict[str, Any]] = {}
    if path is not None:
        try:
            settings = tomllib.loads(path.read_text())
        except OSError as error:
            raise ConfigError(f"configuration {path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration {path}: is not TOML: {error}") from error
    origin = f"configuration {path}" if path else "configuration"
    for (section, old), new in RENAMED.items():
        if isinstance(settings.get(section), dict):
            take_renamed(settings[section], old, new, f"{origin}: [{section}]")
    for (section, old), new in RETIRED.items():
        if isinstance(settings.get(section), dict):
            _drop_retired(settings[section], old, new, f"{origin}: [{section}]")
    _convert(settings, origin, strict=True)  # so that a mistake in the file is reported as the file's
    if PLACEMENTS in environment:
        settings["placements"] = _placements(environment[PLACEMENTS])
    for section, key, value in _from_environment(environment):
        settings.setdefault(section, {})[key] = _as_number(section, key, value)
    return _convert(settings, "environment or " + origin, strict=False)


def take_renamed(table: dict[str, Any], old: str, new: str, origin: str) -> None:
    """Move the value of a renamed key to its new name, and warn that the old name will go.

    Raises
    ------
    ConfigError
        if both names are given
    """
    if old not in table:
        return
    if new in table:
        raise ConfigError(f"{origin}: {old}, {new}: must be given once, as {new}; got both: remove {old}")
    log.warning("%s: %s is now called %s; the old name is accepted until version %s", origin, old, new, REMOVED_IN)
    table[new] = table.pop(old)


def _drop_retired(table: dict[str, Any], old: str, new: str, origin: str) -> None:
    """Take out a key that another one has replaced, with a warning; its value is kept if it is 0."""
    value = table.pop(old, None)
    if value is None:
        return
    never = str(value) in {"0", "0.0"}
    if never:
        table.setdefault(new, value)
    log.warning(
        "%s: %s is no longer a setting; %s: %s; from version %s on it is an error",
        origin, old, new, "0, never, stays" if never else "as given, or its default (`headwater config`)", REMOVED_IN,
    )  # fmt: skip


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Section, key and value of every setting in the environment, by name."""
    given = {name: environment[name] for name in sorted(environment) if name.startswith(PREFIX)}
    for name in (f"{PREFIX}CONFIG", PLACEMENTS):
        given.pop(name, None)
    for (section, old), new in RENAMED.items():
        take_renamed(given, _variable(section, old), _variable(section, new), "environment")
    for (section, old), new in RETIRED.items():
        _drop_retired(given, _variable(section, old), _variable(section, new), "environment")
    known = {f"{PREFIX}BROKER": ("kafka", "broker")} | {_variable(*key): key for key in _keys()}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0)[0]
            raise ConfigError(
                f"environment: unknown setting {name}; did you mean {near}? `headwater config` prints every key"
            )
    return [(*known[name], given[name]) for name in sorted(given)]


def _variable(section: str, key: str) -> str:
    return f"{PREFIX}{section}_{key}".upper()


def _convert(settings: dict[str, dict[str, Any]], origin: str, *, strict: bool) -> Config:
    try:
        config = msgspec.convert(settings, Config, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {error}; `headwater config` prints every key with its default") from error
    for section, key in _keys():
        value = getattr(getattr(config, section), key)
        if isinstance(value, float) and not math.isfinite(value):  # TOML has words for it
            raise ConfigError(f"{origin}: must be a number; got {value} - at `$.{section}.{key}`")
    if wrong := fault(config.placements, config.slate.slots):
        raise ConfigError(f"{origin}: {wrong}")
    return config


def _placements(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"environment: {PLACEMENTS}: must be a JSON object of objects by name: {error}") from error


def _as_number(section: str, key: str, text: str) -> str | float:
    """A setting of the environment, which is text: as the number that it must be, else as it is."""
    parse = {int: whole, float: number}.get(type(getattr(getattr(Config(), section), key)))
    try:
        return text if parse is None else parse(text)
    except ValueError as error:
        raise ConfigError(
            f"environment: {_variable(section, key)}: {error}; `headwater config` prints every key with its default"
        ) from None


def _keys() -> list[tuple[str, str]]:
    return [(section, key) for section in SECTIONS for key in getattr(Config(), section).__struct_fields__]


def to_environment(config: Config) -> dict[str, str]:
    """All settings as environment variables, for a child process; secrets too, as they are.

    >>> to_environment(Config())["HEADWATER_SLATE_SLOTS"]
    '20'
    """
    found = {_variable(section, key): str(getattr(getattr(config, section), key)) for section, key in _keys()}
    placements = {PLACEMENTS: msgspec.json.encode(config.placements).decode()} if config.placements else {}
    return found | placements


def to_toml(config: Config) -> str:
    r"""All settings with their meaning, as TOML; secrets are masked.

    >>> print("\n".join(to_toml(Config()).splitlines()[:4]))
    # The cluster and how it is read.
    [kafka]
    # host:port, several separated by commas
    broker = "127.0.0.1:9092"
    """
    sections = {section: getattr(config, section) for section in SECTIONS}
    placements = {f"placements.{name}": each for name, each in config.placements.items()}
    lines = [line for name, values in (sections | placements).items() for line in _section(name, values)]
    if not placements:
        lines += [f"# {line}".rstrip() for line in _section("placements.NAME", Placement())]
    return "\n".join(lines)


def _section(name: str, values: Struct) -> list[str]:
    lines = [f"# {(type(values).__doc__ or '').splitlines()[0]}", f"[{name}]"]
    hints = get_type_hints(type(values), include_extras=True)
    for key in values.__struct_fields__:
        value = getattr(values, key)
        meta = getattr(hints[key], "__metadata__", (Meta(),))[0]
        if meta.description:
            lines.append(f"# {meta.description}")
        said = "" if value is None else _toml(MASK if key in SECRETS and value else value)
        lines.append(f"{key} = {said}" if said else f"# {key} =")
    return [*lines, ""]


def _toml(value: str | bool | float) -> str:
    return msgspec.json.encode(value).decode()  # strings, booleans and numbers are written as in JSON
