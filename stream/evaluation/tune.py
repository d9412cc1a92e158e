"""Hyper-parameter search on a prefix of a log, test-then-learn. Needs Optuna: `pip install 'headwater[tune]'`.

Every positive number of the sections `[ranking]` and `[sources]` is searched between a quarter and four times its
default, on a logarithmic scale, within the bounds that the setting itself has.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, get_type_hints

import msgspec
import optuna

from stream.config import Config, to_toml
from stream.errors import UsageError
from stream.evaluation.baselines import ENGINE
from stream.evaluation.prequential import Entry, Evaluation, Protocol

SECTIONS = ("ranking", "sources")
FACTOR = 4.0
FIXED = {
    "sources.max_items": "room, not quality",
    "sources.max_sessions": "the same",
    "ranking.next_weight": "weights define the goal",
    "ranking.click_weight": "the same",
    "ranking.purchase_weight": "the same",
}
DIGITS = 3  # significant digits of a setting: smaller differences have no effect


class Setting(NamedTuple):
    """One number to search, `section.key`, with its bounds."""

    name: str
    default: float
    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether it is an integer."""
        return isinstance(self.default, int)


class Trial(NamedTuple):
    """One configuration and its measure."""

    number: int
    values: dict[str, float]
    value: float


class Found(NamedTuple):
    """The whole search; trial 0 is the configuration that was given."""

    measure: str
    settings: list[Setting]
    trials: list[Trial]

    @property
    def best(self) -> Trial:
        """The best trial, the earliest of equal ones, so that a tie keeps the default."""
        return max(self.trials, key=lambda trial: (trial.value, -trial.number))


def searchable(config: Config, names: Sequence[str] = ()) -> list[Setting]:
    """Settings to search: all that can be, or those named, as `section.key` or `section.key=low:high`.

    >>> searchable(Config(), ["sources.popularity_half_life"])
    [Setting(name='sources.popularity_half_life', default=3000.0, low=750.0, high=12000.0)]
    """
    known = {setting.name: setting for section in SECTIONS for setting in _of_section(config, section)}
    if not names:
        return [setting for name, setting in known.items() if name not in FIXED and setting.default > 0]
    return [_named(text, known) for text in names]


def search(
    config: Config, entries: Sequence[Entry], settings: Sequence[Setting], *, measure: str, trials: int,
    seconds: float | None = None, train_fraction: float = 0.2, on_trial: Callable[[Trial], None] | None = None,
) -> Found:  # fmt: skip
    """Try configurations, the given one first; the same log, settings and number of trials give the same result.

    Parameters
    ----------
    measure : what to maximise, of the engine, such as `mrr@20`
    seconds : no new trial is begun after that time
    """
    found = Found(measure, list(settings), [])
    protocol = Protocol(ks=(_length(measure),), train_fraction=train_fraction)

    def objective(trial: optuna.Trial) -> float:
        values = {setting.name: _suggest(trial, setting) for setting in settings}
        report = Evaluation(changed(config, values), protocol).run(entries)
        value = _value_of(report, measure)
        found.trials.append(Trial(trial.number, values, value))
        if on_trial is not None:
            on_trial(found.trials[-1])
        return value

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = int.from_bytes(blake2b(f"{config.policy.seed}/tune".encode(), digest_size=4).digest())
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({setting.name: setting.default for setting in settings})
    study.optimize(objective, n_trials=trials, timeout=seconds)
    return found


def changed(config: Config, values: dict[str, float]) -> Config:
    """The configuration with some settings, `section.key`, replaced."""
    for name, value in values.items():
        section, key = name.split(".")
        part = msgspec.structs.replace(getattr(config, section), **{key: value})
        config = msgspec.structs.replace(config, **{section: part})
    return config


def to_file(config: Config, found: Found) -> str:
    """The best configuration as TOML; a password is left to the environment."""
    best, default = found.best, found.trials[0]
    kafka = msgspec.structs.replace(config.kafka, sasl_password="")
    return (
        f"# headwater tune: {found.measure} {best.value:.4f} in trial {best.number} of {len(found.trials)}; "
        f"before {default.value:.4f}\n\n{to_toml(changed(msgspec.structs.replace(config, kafka=kafka), best.values))}"
    )


def _of_section(config: Config, section: str) -> Iterable[Setting]:
    values = getattr(config, section)
    for key, hint in get_type_hints(type(values), include_extras=True).items():
        value = getattr(values, key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        meta = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)), msgspec.Meta())
        low, high = value / FACTOR, value * FACTOR
        low = max(low, *(float(bound) for bound in (meta.ge, meta.gt) if bound is not None), -math.inf)
        high = min(high, *(float(bound) for bound in (meta.le, meta.lt) if bound is not None), math.inf)
        if isinstance(value, int):
            low, high = math.ceil(low), math.floor(high)
        yield Setting(f"{section}.{key}", value, low, high)


def _named(text: str, known: dict[str, Setting]) -> Setting:
    name, _, bounds = text.partition("=")
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, cutoff=0.0)
        raise UsageError(f"setting {name!r} cannot be searched; did you mean {near[0]}? There are {', '.join(known)}")
    setting = known[name]
    if not bounds:
        if setting.low <= 0:
            raise UsageError(f"setting {name} has no natural bounds, as it is {setting.default}; give {name}=LOW:HIGH")
        return setting
    low, colon, high = bounds.partition(":")
    kind = int if setting.whole else float
    try:
        found = setting._replace(low=kind(low), high=kind(high))
    except ValueError:
        found = setting._replace(low=1, high=0)
    if not colon or not 0 < found.low < found.high:
        raise UsageError(f"setting {name}: bounds must be LOW:HIGH with 0 < LOW < HIGH; got {bounds!r}")
    if not found.low <= setting.default <= found.high:
        raise UsageError(f"setting {name}: the bounds must hold its value {setting.default}, trial 0; got {bounds}")
    return found


def _suggest(trial: optuna.Trial, setting: Setting) -> float:
    if setting.whole:
        return trial.suggest_int(setting.name, int(setting.low), int(setting.high), log=True)
    value = trial.suggest_float(setting.name, setting.low, setting.high, log=True)
    rounded = float(f"{value:.{DIGITS}g}")
    return value if value == setting.default else min(max(rounded, setting.low), setting.high)


def _length(measure: str) -> int:
    """List length of a measure, 20 where it has none."""
    _, at, k = measure.partition("@")
    if at and not (k.isdigit() and 1 <= int(k) <= 40):
        raise UsageError(f"measure {measure!r}: the list length after @ must be 1 to 40")
    return int(k) if at else 20


def _value_of(report: dict[str, Any], measure: str) -> float:
    scores = report["learners"][ENGINE]
    known = [name for name, value in scores.items() if isinstance(value, float)]
    if measure not in known:
        near = difflib.get_close_matches(measure, known, 1, cutoff=0.0)
        raise UsageError(f"measure {measure!r} is unknown; did you mean {near[0]}? There are {', '.join(known)}")
    if not report["steps"]:
        raise UsageError("no step was measured: give more events, or a shorter training")
    return float(scores[measure])
