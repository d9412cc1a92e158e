"""Runs made-up events through a worker without Kafka, so that numba compiles what they ask for, or loads it.

Whatever may be asked of a serving worker is done here. First what its own configuration needs until it serves and
learns: every kind of event, an explanation, a refreshed slate, a snapshot; and what a gateway learns, which finds it in
the image then. After that every policy and kind of rule, since an experiment may bring each of them at any time.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from bandits.registry import POLICIES, policy_names
from learners import VIEW, Interaction, Query, Trending
from stream.config import Config
from stream.decisions.arrivals import QuestionAsked, SlateAsked
from stream.decisions.explain import explain
from stream.decisions.local import LocalWorker
from stream.decisions.questions.answers import answer_parts
from stream.decisions.slates import SlateRequest
from stream.model.copy import ModelCopy
from stream.records.log import ExperimentChange, ItemChange, ProfileChange, Step
from stream.records.questions.records import KINDS as KINDS_ASKED
from stream.records.questions.records import OF_ALL, Question
from stream.records.requests import Range, Request
from stream.records.schemas import KINDS, Event, Experiment, Item, Settings, Variant
from stream.state.snapshot import users_of
from stream.state.user import User

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
[[eligible]]
name = "s"
item = "attributes.brand"
op = "contains"
user = "attributes.country"
if_user_lacks = "show"
[[bought]]
name = "a"
again = "after"
days = 1
"""


def compile_all(config: Config, *, learning_first: bool = False) -> None:
    """Ask for all kernels that a serving worker may need: its own, and those of any experiment."""
    compile_experiments(compile_own(config, learning_first=learning_first), last_first=learning_first)


def compile_own(config: Config, *, learning_first: bool = False) -> LocalWorker:
    """Ask for the kernels that this configuration needs; returns the worker that asked.

    Parameters
    ----------
    learning_first : begin with what a slate comes to last and with what learns. Of two processes one waits for the
        other as soon as both are after the same kernel, and the kernel of slates has half of all others in it: one
        process begins at its start, the other one takes what it can out of its end
    """
    worker = _stocked(config)
    if learning_first:
        _finish_slates(worker)
        _copy(worker)
        arrivals = [worker.arrival(KINDS[n % 3], _event(worker, f"u{n % 3}", f"i{n * n % 7}")) for n in range(STEPS)]
        for batch in worker.engine.batches(worker.shard, [(arrivals, {})], room=0):
            worker.fold(batch)
    _serve(worker)
    if config.slate.rules:
        _experiment(worker, [{}, {}])  # what is in the file may change, and kinds of rules with it
    _learn_alone()
    return worker


def compile_experiments(worker: LocalWorker, *, last_first: bool = False) -> None:
    """Ask for what the variants of any experiment may need besides; two processes begin at different ends."""
    settings = _settings(policy_names())
    groups = [settings[n : n + VARIANTS] for n in range(0, len(settings), VARIANTS)]
    for group in reversed(groups) if last_first else groups:
        _experiment(worker, group)


def load_own(config: Config) -> None:
    """Ask for the kernels that this configuration needs, and for those of policies of others, which may not be kept.

    What an experiment's built-in policy needs besides is loaded when it begins: some hundredths of a second, once.
    """
    worker = _stocked(config)
    _serve(worker)
    if others := [name for name in policy_names() if name not in POLICIES]:
        _experiment(worker, [{"policy": {"name": name}} for name in others])


def _stocked(config: Config) -> LocalWorker:
    """A worker that is thrown away, with a catalogue."""
    worker = LocalWorker.of(config)
    worker.take(*(ItemChange(f"i{n}", _item(n)) for n in range(ITEMS)))
    return worker


def _serve(worker: LocalWorker) -> None:
    """All that a worker does, with the configuration's own policy."""
    for n in range(STEPS):
        _visit(worker, f"u{n % 3}", n)
    worker.take(*(worker.arrival(KINDS[n % 3], _event(worker, f"u{n % 3}", f"i{n}")) for n in range(ITEMS)))
    _explain(worker)
    _return_after_silence(worker, "u0")
    worker.take(ProfileChange("u0", {"country": "NL"}), ProfileChange("u1", None), ItemChange("i1", None))
    _visit(worker, "u1", 1)
    worker.take(ItemChange("i1", _item(1)))  # renewed: it means another thing from now on
    _return(worker, "u2", "i1")
    _visit(worker, "u2", 1)
    if (batch := worker.engine.refresh(worker.shard, 1)) is not None:
        worker.fold(batch)
    _ask(worker)
    _list(worker)
    _copy(worker)


def _ask(worker: LocalWorker) -> None:
    """A slate of each placement is asked for, and answered."""
    for name in worker.engine.config.placements:
        request = Request(request_id=f"warm-up {name}", user_id="u2", placement=name)
        batch = worker.take(SlateAsked(request, START + worker.events, 0.0))
        for step in batch.records:
            if isinstance(step, Step) and step.decision is not None:
                event = _event(worker, "u2", step.decision.slate[0])
                event = msgspec.structs.replace(event, decision_id=step.decision.decision_id)
                worker.take(worker.arrival("click", event))


def _list(worker: LocalWorker) -> None:
    """What is asked of the model without a slate."""
    for kind in KINDS_ASKED:
        of = None if kind in OF_ALL else "u0" if kind == "similar_users" else "i1"
        question = Question(request_id="warm-up", question=kind, of=of)
        list(answer_parts(worker.model, worker.shard, QuestionAsked(question, START, START)))


def _finish_slates(worker: LocalWorker) -> None:
    """Proposals by content, the costliest, and what follows proposals: a slate of given items is drawn, and learned."""
    seen, blocked = np.zeros(1, np.int32), worker.model.catalogue.blocked
    for source in worker.model.sources:
        if source.name == "content":
            source.top_k(Query(seen, START, np.empty(0, np.int32)), ITEMS, blocked)
    request = Request(
        request_id="first", user_id="u0", candidates=[f"i{n}" for n in range(ITEMS)], filter={"price": Range(min=0.0)},
        k=worker.engine.config.slate.slots,
    )  # fmt: skip
    (drawn,) = worker.engine.draw([SlateRequest("u0", User(), START, "first", of=request)])
    made = drawn.decision
    policy: Any = worker.model.policy
    if hasattr(policy, "queue_record"):  # see `Queues`
        policy.queue_record(made.state, made.offered_ranks, made.sources, 0, 1.0)
        policy.learn_queued()


def _copy(worker: LocalWorker) -> None:
    """Snapshots, and a start from them."""
    users = worker.shard.start_copy()
    users.some(len(worker.shard.users))
    users_of(users.parts())
    copy = worker.model.copy()
    copy.fingerprint()
    worker.model.restore(ModelCopy.decode(copy.encode()))


def _learn_alone() -> None:
    """What `stream.gateway.read_model` learns beside the workers' model."""
    source, nothing = Trending(), np.empty(0, np.int32)
    for item in range(2):
        source.add_item(item)
    source.learn_one(Interaction(1, VIEW, START, nothing, nothing))
    source.top_k(Query(nothing, START, nothing), 1, np.zeros(2, np.uint8))


def _return_after_silence(worker: LocalWorker, user_id: str) -> None:
    """A list is made anew before some first events of a session, drawn by their ids: see `ShownCandidates.renew`."""
    user = worker.shard.users[user_id]
    for n in range(STEPS):
        event = _event(worker, user_id, "i1")
        later = START + 10 * worker.engine.config.rewards.session_gap_s
        event = msgspec.structs.replace(event, event_id=f"later-{n}", timestamp=later)
        worker.engine.shown.renew(user_id, user, worker.arrival("view", event).event)


def _return(worker: LocalWorker, user_id: str, item_id: str) -> None:
    """The user sends an item back."""
    event = msgspec.structs.replace(_event(worker, user_id, item_id), price=-1.0)
    worker.take(worker.arrival("purchase", event))


def _item(n: int) -> Item:
    return Item(
        item_id=f"i{n}", title=f"thing {n}", categories=[f"c{n % 2}"], price=float(n), attributes={"brand": "ab"[n % 2]}
    )


def _settings(policies: Sequence[str]) -> list[Settings]:
    """What variants may set and what makes a kernel of its own: each policy, and what is learned of the next slate."""
    found: list[Settings] = [{"policy": {"name": name}} for name in policies]
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
    _explain(worker)
    worker.take(ExperimentChange(experiment.name, None))


def _explain(worker: LocalWorker) -> None:
    model = worker.model
    for user_id, user in worker.shard.users.items():
        explain(model, user_id, user)
        query = model.ranker.query(user_id, user, user.time)
        for source in model.sources:
            if hasattr(source, "why"):  # an explanation asks the next one only while items are wanting
                source.why(query, 0)


def _visit(worker: LocalWorker, user_id: str, n: int) -> None:
    """The next event of a user, now and then on what their slate shows."""
    user = worker.shard.users.get(user_id)
    shown = None if user is None or user.open is None else user.open.slate
    item_id = shown[n % 3] if shown and n % 2 else f"i{n * n % 7}"
    worker.take(worker.arrival(KINDS[n % 3], _event(worker, user_id, item_id)))


def _event(worker: LocalWorker, user_id: str, item_id: str) -> Event:
    return Event(event_id=f"e{worker.events}", user_id=user_id, item_id=item_id, timestamp=START + worker.events)
