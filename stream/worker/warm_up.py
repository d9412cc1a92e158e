"""Loads what numba compiled (or compiles it) before the first event: otherwise its slate would come seconds late.

Whatever may be asked of a serving worker is done here once: every kind of event, an explanation, a snapshot, and every
built-in policy, since an experiment may bring each of them at any time.
"""

import msgspec

from bandits.registry import POLICIES
from stream.config import Config
from stream.decisions.explain import explain
from stream.decisions.local import LocalWorker
from stream.model.copy import ModelCopy
from stream.records.log import ExperimentChange, ItemChange, ProfileChange
from stream.records.schemas import KINDS, Event, Experiment, Item, Settings, Variant
from stream.state.snapshot import users_of

ITEMS = 30
STEPS = 40  # enough for settled decisions of every user, and a decision by every kind of list
VISITS = 3  # of each user of an experiment: slates are made, answered and learned from
START = 1e9  # event time, unix seconds
VARIANTS = 7  # of an experiment, beside its control
SHOPPERS = 40  # users enough for every variant to have some
RULES = """
diversity = 0.2
[[cap]]
name = "c"
field = "category"
at_most = 4
[[pin]]
name = "p"
item = "i1"
slot = 2
[[boost]]
name = "b"
items = [{ field = "brand", op = "=", value = "a" }]
multiply = 1.2
[[exclude]]
name = "e"
items = [{ field = "price", op = ">", value = 1000 }]
"""


def warm_up(config: Config) -> None:
    """Run a few made-up events through an engine and a model that are thrown away."""
    worker = LocalWorker.of(config)
    worker.take(*(ItemChange(f"i{n}", _item(n)) for n in range(ITEMS)))
    for n in range(STEPS):
        _visit(worker, f"u{n % 3}", n)
    settings = _settings()
    for n in range(0, len(settings), VARIANTS):
        _experiment(worker, settings[n : n + VARIANTS])
    worker.take(*(worker.arrival(KINDS[n % 3], _event(worker, f"u{n % 3}", f"i{n}")) for n in range(ITEMS)))
    for user_id, user in worker.shard.users.items():
        explain(worker.model, user_id, user)
    worker.take(ProfileChange("u0", {"country": "NL"}), ProfileChange("u1", None), ItemChange("i1", None))
    _visit(worker, "u1", 1)
    worker.take(ItemChange("i1", _item(1)))  # renewed: it means another thing from now on
    _return(worker, "u2", "i1")
    _visit(worker, "u2", 1)
    users = worker.shard.start_copy()
    users.some(len(worker.shard.users))
    users_of(users.parts())
    copy = worker.model.copy()
    copy.fingerprint()
    worker.model.restore(ModelCopy.decode(copy.encode()))


def _return(worker: LocalWorker, user_id: str, item_id: str) -> None:
    """The user sends an item back."""
    event = msgspec.structs.replace(_event(worker, user_id, item_id), price=-1.0)
    worker.take(worker.arrival("purchase", event))


def _item(n: int) -> Item:
    return Item(
        item_id=f"i{n}", title=f"thing {n}", categories=[f"c{n % 2}"], price=float(n), attributes={"brand": "ab"[n % 2]}
    )


def _settings() -> list[Settings]:
    """What variants may set and what makes a kernel of its own: each policy, and what is learned of the next slate."""
    found: list[Settings] = [{"policy": {"name": name}} for name in POLICIES]
    learned = ("sarsa", "q_learning")
    found += [{"policy": {"name": "disagreement", "bootstrap": each, "discount": 0.5}} for each in learned]
    return [*found, {"slate": {"exclude_bought": True}}, {"ranking": {"click_weight": 1.0, "purchase_weight": 1.0}}]


def _experiment(worker: LocalWorker, settings: list[Settings]) -> None:
    share = 1.0 / (1 + len(settings))
    control = Variant(name="control", share=share)
    tried = [
        Variant(name=f"v{n}", share=share, settings=each, rules=RULES if n % 2 else "")
        for n, each in enumerate(settings)
    ]
    experiment = Experiment(name="warm-up", variants=[control, *tried], starts_at=START, shadow={"policy": {}})
    worker.take(ExperimentChange(experiment.name, experiment))
    for n in range(SHOPPERS * VISITS):
        _visit(worker, f"x{n % SHOPPERS}", n)
    worker.take(ExperimentChange(experiment.name, None))


def _visit(worker: LocalWorker, user_id: str, n: int) -> None:
    """The next event of a user, now and then on what their slate shows."""
    user = worker.shard.users.get(user_id)
    shown = None if user is None or user.open is None else user.open.slate
    item_id = shown[n % 3] if shown and n % 2 else f"i{n * n % 7}"
    worker.take(worker.arrival(KINDS[n % 3], _event(worker, user_id, item_id)))


def _event(worker: LocalWorker, user_id: str, item_id: str) -> Event:
    return Event(event_id=f"e{worker.events}", user_id=user_id, item_id=item_id, timestamp=START + worker.events)
