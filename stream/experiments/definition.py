"""The file of an experiment, and the assignment of users: pure functions of a file, a user and the time.

A variant may only change how slates are made, so workers with different variants still fold the log to the same model.
The definition reaches them through the log (topic `experiments`): all of them begin and end an experiment at the same
record.
"""

import tomllib
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.config import Config, ConfigError, take_renamed
from stream.errors import UsageError
from stream.records.schemas import HOME, Experiment, Settings, Variant
from stream.records.times import from_toml, planned_fault
from stream.rules.file import parse_rules

HOLDOUT = "holdout"  # variant of users who never see exploration
EVERYBODY = "holdout"  # name of the stream of uniforms that all experiments share
MAY_DIFFER = {  # what a variant may set: nothing that the shared model depends on
    "policy": ("name", "bootstrap", "epsilon", "epsilon_floor", "epsilon_half_life", "discount"),
    "ranking": ("next_weight", "click_weight", "purchase_weight"),
    "slate": ("exclude_bought",),
}
RENAMED = {"apprentice": "shadow"}  # old key of an experiment's file -> new key
MAX_SHARES = 1.0 + 1e-9


class ExperimentError(UsageError):
    """The experiment cannot be run."""


def load_experiment(path: Path, now: float, config: Config) -> Experiment:
    """Read an experiment's file.

    Parameters
    ----------
    now : unix seconds, its start if the file has none
    config : that its variants differ from

    Raises
    ------
    ExperimentError
        for a missing file, an unknown key, a wrong type or value
    """
    origin = f"experiment {path}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"{origin}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{origin}: is not TOML: {error}") from error
    return parse_experiment(table, origin, now, config, path.parent)


def parse_experiment(table: dict[str, Any], origin: str, now: float, config: Config, folder: Path) -> Experiment:
    """Read the table of an experiment's file; `folder` is where its rules files are."""
    known = {"name", "starts_at", "ramp_s", "holdout", "effect", "level", "variant", "guard", "shadow", "placement"}
    for old, new in RENAMED.items():
        try:
            take_renamed(table, old, new, origin)
        except ConfigError as error:
            raise ExperimentError(str(error)) from error
    for key in table:
        if key not in known:
            raise ExperimentError(f"{origin}: key `{key}`: must be one of {', '.join(sorted(known))}")
    starts_at = _starts_at(table.get("starts_at", now), origin)
    variants = [_variant(origin, n, each, folder) for n, each in enumerate(_tables(origin, table, "variant"), 1)]
    plain = {key: table[key] for key in table if key not in ("starts_at", "variant", "guard")}
    try:
        found = msgspec.convert(
            plain | {"starts_at": starts_at, "variants": variants, "guards": _tables(origin, table, "guard")},
            Experiment,
        )
    except msgspec.ValidationError as error:
        raise ExperimentError(f"{origin}: {error}") from error
    check(found, config, origin)
    return found


def check(experiment: Experiment, config: Config, origin: str) -> None:
    """Check that workers with this configuration can run it.

    Raises
    ------
    ExperimentError
        saying which variant, what must hold and what came
    """
    placements = HOME, *config.placements
    if experiment.placement not in placements:
        raise ExperimentError(
            f"{origin}: placement: must be one of {', '.join(placements)}; got {experiment.placement!r}"
        )
    names = [variant.name for variant in experiment.variants]
    if len({*names, HOLDOUT}) != len(names) + 1:
        raise ExperimentError(f"{origin}: variants: must have names of their own, none {HOLDOUT!r}; got {names}")
    total = sum(variant.share for variant in experiment.variants)
    if total > MAX_SHARES:
        raise ExperimentError(f"{origin}: variants: their shares must sum to at most 1; got {total:g}")
    control = experiment.variants[0]
    if control.settings or control.rules:
        raise ExperimentError(
            f"{origin}: variant {control.name!r}: the first is the control and must have no settings of its own"
        )
    for variant in experiment.variants:
        where = f"{origin}: variant {variant.name!r}"
        varied(config, variant.settings, where)
        if variant.rules:
            parse_rules(variant.rules, f"of variant {variant.name}")
    if experiment.shadow is not None:
        if set(experiment.shadow) != {"policy"}:
            raise ExperimentError(
                f"{origin}: shadow: must have a policy and nothing else, since it draws from the same lists; "
                f"got {sorted(experiment.shadow)}"
            )
        varied(config, experiment.shadow, f"{origin}: shadow")


def varied(config: Config, settings: Settings, where: str) -> Config:
    """The configuration with what a variant sets.

    >>> varied(Config(), {"policy": {"epsilon": 0.3}}, "variant 'bold'").policy.epsilon
    0.3
    """
    table = msgspec.to_builtins(config)
    for section, keys in settings.items():
        for key, value in keys.items():
            if key not in MAY_DIFFER.get(section, ()):
                allowed = ", ".join(f"{section}.{key}" for section, keys in MAY_DIFFER.items() for key in keys)
                raise ExperimentError(f"{where}: may set {allowed}; got {section}.{key}")
            table[section][key] = value
    try:
        return msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        raise ExperimentError(f"{where}: {error}") from error


def variant_of(experiment: Experiment, user_id: str, now: float) -> str:
    """The variant of a user at event time `now`; empty: takes no part.

    Every variant has an interval of [0, 1) to itself and grows within it, so users who take part keep their variant.

    >>> both = [Variant(name="a", share=0.5), Variant(name="b", share=0.5)]
    >>> [variant_of(Experiment(name="x", variants=both, starts_at=0.0), user, 1.0) for user in ("ada", "ben", "eve")]
    ['a', 'a', 'b']
    """
    if now < experiment.starts_at:
        return ""
    if experiment.holdout and _place(EVERYBODY, user_id) < experiment.holdout:
        return HOLDOUT
    ramped = min(1.0, (now - experiment.starts_at) / experiment.ramp_s) if experiment.ramp_s else 1.0
    place = _place(f"experiment {experiment.name}", user_id)
    for variant in experiment.variants:
        if place < variant.share:
            return variant.name if place < variant.share * ramped else ""
        place -= variant.share
    return ""


def groups(experiment: Experiment) -> tuple[str, ...]:
    """Names of all whose results are counted: the variants, and the holdout if there is one.

    >>> both = [Variant(name="a", share=0.5), Variant(name="b", share=0.5)]
    >>> groups(Experiment(name="x", variants=both, starts_at=0.0, holdout=0.01))
    ('a', 'b', 'holdout')
    """
    names = tuple(variant.name for variant in experiment.variants)
    return (*names, HOLDOUT) if experiment.holdout else names


def encoded(experiment: Experiment | None) -> NDArray[np.uint8]:
    """A definition as an array, for the snapshot of the model; none: an empty one."""
    return np.frombuffer(b"" if experiment is None else msgspec.json.encode(experiment, order="sorted"), np.uint8)


def decoded(data: NDArray[np.uint8]) -> Experiment | None:
    """Read back what `encoded` wrote."""
    return msgspec.json.decode(data.tobytes(), type=Experiment) if len(data) else None


def _starts_at(value: object, origin: str) -> object:
    """Unix seconds; a date-time without a zone is in UTC, as everywhere."""
    try:
        found = from_toml(value)
    except ValueError as error:
        raise ExperimentError(f"{origin}: starts_at: {error}") from None
    wrong = planned_fault(found) if isinstance(found, int | float) else ""
    if wrong:
        raise ExperimentError(f"{origin}: `starts_at` {wrong}")
    return found


def _variant(origin: str, n: int, table: dict[str, Any], folder: Path) -> Variant:
    name = table.get("name", "")
    where = f"{origin}: variant {n}" + (f" ({name!r})" if name else "")
    for key in table:
        if key not in ("name", "share", "rules", *MAY_DIFFER):
            raise ExperimentError(
                f"{where}: key `{key}`: must be one of name, share, rules, {', '.join(f'[{s}]' for s in MAY_DIFFER)}"
            )
    settings = {section: table[section] for section in MAY_DIFFER if section in table}
    rules = ""
    if "rules" in table:
        path = folder / str(table["rules"])
        try:
            rules = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ExperimentError(f"{where}: rules {path}: cannot be read: {error}") from error
    try:
        return msgspec.convert(
            {"name": name, "share": table.get("share", 0), "settings": settings, "rules": rules}, Variant
        )
    except msgspec.ValidationError as error:
        raise ExperimentError(f"{where}: {error}") from error


def _tables(origin: str, table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ExperimentError(f"{origin}: `{key}`: must be written with double brackets, [[{key}]]")
    return found


def _place(stream: str, user_id: str) -> float:
    """A number in [0, 1) for a user, the same for ever."""
    return int.from_bytes(blake2b(f"{stream}/{user_id}".encode(), digest_size=7).digest()) * 2.0**-56
