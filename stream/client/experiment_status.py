"""What an experiment has shown so far: read from the newest snapshot and the log behind it, told in words."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from stream.experiments.definition import HOLDOUT
from stream.experiments.results import Tally
from stream.kafka.connections import Connections
from stream.kafka.log_reader import read_log
from stream.kafka.snapshots import newest_model
from stream.model.copy import ModelCopy
from stream.records.acceptance import Acceptance
from stream.records.log import Batch
from stream.records.schemas import METRICS, Experiment

LOST_AT = math.log(1 / 0.001)  # evidence that users are lost: one false alarm in a thousand experiments


async def read_tally(connections: Connections) -> Tally:
    """The tally as of the log's end: that of the newest snapshot of the model, and what the log says after it."""
    whole = await newest_model(connections)
    tally, rules, offset = Tally(), Acceptance(), 0
    if whole is not None:
        saved = ModelCopy.decode(whole.parts)
        tally.restore(saved.parts["experiment"])
        rules.restore(saved.acceptance)
        offset = saved.offset
    async for at, message in read_log(connections, offset):
        if rules.judge(message, at) == "accepted" and isinstance(message, Batch):
            for record in message.records:
                tally.learn_one(record)
    return tally


def report(tally: Tally) -> dict[str, Any]:
    """All that is known, as plain values; infinite bounds are None."""
    experiment = tally.experiment
    if experiment is None:
        return {}
    evidence = tally.lost_users()
    return {
        "experiment": experiment.name,
        "running": tally.running,
        "starts_at": experiment.starts_at,
        "level": experiment.level,
        "variants": {name: _variant(tally, experiment, n, name) for n, name in enumerate(tally.groups)},
        "sample_ratio": {"log_evidence": evidence, "broken": evidence > LOST_AT},
        "shadow": tally.shadow._asdict() if experiment.shadow is not None else None,
    }


def _variant(tally: Tally, experiment: Experiment, n: int, name: str) -> dict[str, Any]:
    share = experiment.holdout if name == HOLDOUT else experiment.variants[n].share
    found: dict[str, Any] = {
        "share": share, "users": int(tally.users[n]), "decisions": int(tally.sums[n, -1].sum()),
        "stopped_by": tally.stopped.get(name),
    }  # fmt: skip
    for metric in METRICS:
        found[metric] = {"per_decision": tally.ratio(name, metric).mean}
        if n > 0:
            value, low, high = tally.lift(name, metric)
            finite = [bound if math.isfinite(bound) else None for bound in (value, low, high)]
            found[metric] |= dict(zip(("lift", "low", "high"), finite, strict=True)) | {"verdict": verdict(low, high)}
    return found


def verdict(low: float, high: float) -> str:
    """What an interval of a lift allows to say.

    >>> verdict(0.01, 0.2), verdict(-0.2, -0.01), verdict(-0.1, 0.1)
    ('better', 'worse', 'not known yet')
    """
    return "better" if low > 0 else "worse" if high < 0 else "not known yet"


def show(found: dict[str, Any], console: Console) -> None:
    """Print a report."""
    variants: dict[str, dict[str, Any]] = found["variants"]
    control = next(iter(variants))
    state = "runs" if found["running"] else "has ended"
    console.print(
        f"experiment {found['experiment']} {state}; lifts over {control} hold at {found['level']:.0%}, "
        "however often you look"
    )
    table = Table("variant", "users", "decisions", *(f"{metric} / decision" for metric in METRICS))
    for name, of in variants.items():
        table.add_row(name, f"{of['users']:,}", f"{of['decisions']:,}", *(_cell(of[metric]) for metric in METRICS))
    console.print(table)
    for name, of in variants.items():
        if of["stopped_by"]:
            console.print(f"{name} was stopped by the guard of {of['stopped_by']}: its users get {control}'s slates")
    if found["sample_ratio"]["broken"]:
        console.print(
            "users are not split as planned: some variant loses users before they are counted. Trust no lift "
            "until that is explained"
        )
    if found["shadow"]:
        seen = found["shadow"]
        console.print(
            f"shadow: {seen['decisions']:,} decisions seen; {seen['same_slots']:,} of {seen['slots']:,} slots as "
            f"shown; of {seen['hits']:,} hits it would have shown {seen['same_hits']:,}, and of the items taken that "
            f"were not shown {seen['own_hits']:,}"
        )


def _cell(of: dict[str, Any]) -> str:
    mean = f"{of['per_decision']:.4f}"
    if "lift" not in of:
        return mean
    bounds = f"{_percent(of['low'])} to {_percent(of['high'])}"
    return f"{mean}\n{_percent(of['lift'])}: {of['verdict']}\n{bounds}"


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:+.1%}"
