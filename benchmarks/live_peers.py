"""What others build in headwater's place, on the same topics: `python benchmarks/live_peers.py NAME BROKER NAMESPACE`.

Each loop is written as the guide of its library writes it, takes views, clicks and purchases, and answers every event
with a message to the topic of recommendations that names the event. `side_by_side.py` starts and measures them.

faust
    Counts the item in one table and keeps the user's last items in another (both with changelogs); sends the most
    popular items that the user has not touched.
biased_mf
    River's BiasedMF learns (user, item, 1 to 3) and ranks the 100 most popular items.
vowpal_wabbit
    A contextual bandit (`--cb_explore_adf`) learns whether the user took what it drew last, and draws one of the 20
    most popular items by user and last items; the others follow by probability.

None of them drops an event that comes twice, finds candidates beyond the popular items, uses the catalogue, publishes
propensities of a whole slate, or learns on more than one process; but for Faust's tables, a restart loses all.
"""

import asyncio
import json
import random
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

KINDS = {"events.view": 1.0, "events.click": 2.0, "events.purchase": 3.0}
SLOTS, RANKED, ACTIONS, REMEMBERED = 20, 100, 20, 50
RECOUNT = 100  # events between two sorts of the popular items
Answer = Callable[[dict[str, Any], float], list[str]]


class Popular:
    """The most popular items so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.best: list[str] = []
        self.events = 0

    def add(self, item: str) -> None:
        """Count one event."""
        self.counts[item] += 1
        if self.events % RECOUNT == 0:
            self.best = [item for item, _ in self.counts.most_common(RANKED)]
        self.events += 1


def faust_app(broker: str, namespace: str) -> Any:
    """Stock Faust: one agent, two tables, one `send` an event."""
    import faust

    app = faust.App(f"{namespace}-peer", broker=f"kafka://{broker}", store="memory://", topic_partitions=8,
                    topic_replication_factor=1, web_enabled=False)  # fmt: skip
    events = app.topic(
        *(f"{namespace}.{name}" for name in KINDS), key_type=bytes, value_type=bytes, value_serializer="raw"
    )
    answers = app.topic(f"{namespace}.recommendations", value_serializer="raw")
    counts, last = app.Table("counts", default=int), app.Table("last", default=list)
    best: list[str] = []

    @app.agent(events)
    async def recommend(stream: Any) -> None:
        seen = 0
        async for value in stream:
            event = json.loads(value)
            user, item = event["user_id"], event["item_id"]
            counts[item] += 1
            last[user] = [item, *last[user]][:REMEMBERED]
            if seen % RECOUNT == 0:
                best[:] = sorted(counts.keys(), key=counts.get, reverse=True)[:RANKED]
            seen += 1
            touched = set(last[user])
            slate = [other for other in best if other not in touched][:SLOTS]
            await answers.send(key=user, value=json.dumps({"event_id": event["event_id"], "items": slate}).encode())

    return app


def biased_mf() -> Answer:
    """River's matrix factorisation, and its `rank`."""
    from river import reco

    model, popular = reco.BiasedMF(seed=7), Popular()

    def answer(event: dict[str, Any], worth: float) -> list[str]:
        popular.add(event["item_id"])
        model.learn_one(event["user_id"], event["item_id"], worth)
        return model.rank(event["user_id"], set(popular.best))[:SLOTS]  # type: ignore[return-value]  # ids are strings

    return answer


def vowpal_wabbit() -> Answer:
    """A contextual bandit over the popular items: learns from the user's next event whether he took what it drew."""
    import vowpalwabbit

    workspace = vowpalwabbit.Workspace("--cb_explore_adf --epsilon 0.1 -q UA -q SA --quiet")
    popular, rng = Popular(), random.Random(7)
    open_: dict[str, tuple[list[str], int, float]] = {}  # of each user: the example, the action drawn, its propensity
    last: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def lines(user: str, actions: list[str]) -> list[str]:
        shared = f"shared |U u={user} |S " + " ".join(f"i={item}" for item in list(last[user])[-3:])
        return [shared, *(f"|A i={item} c={item[-2:]}" for item in actions)]

    def answer(event: dict[str, Any], worth: float) -> list[str]:
        user, item = event["user_id"], event["item_id"]
        if user in open_:
            example, action, propensity = open_[user]
            cost = -worth if example[1 + action].split()[1] == f"i={item}" else 0.0
            example[1 + action] = f"{action}:{cost}:{propensity} {example[1 + action]}"
            workspace.learn(example)
        popular.add(item)
        last[user].append(item)
        actions = popular.best[:ACTIONS]
        example = lines(user, actions)
        chances = workspace.predict(example)
        order = sorted(range(len(actions)), key=lambda n: -chances[n])
        action = rng.choices(range(len(actions)), chances)[0]
        open_[user] = example, action, chances[action]
        return [actions[action], *(actions[n] for n in order if n != action)][:SLOTS]

    return answer


async def loop(answer: Answer, broker: str, namespace: str) -> None:
    """Read polls with aiokafka, answer each event, send the answers in batches as the producer makes them."""
    worth = {f"{namespace}.{name}": value for name, value in KINDS.items()}
    consumer = AIOKafkaConsumer(*worth, bootstrap_servers=broker, group_id="peer", auto_offset_reset="earliest",
                                fetch_max_wait_ms=100)  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=1)
    await consumer.start()
    await producer.start()
    while True:
        for tp, records in (await consumer.getmany(timeout_ms=100, max_records=300)).items():
            for record in records:
                event = json.loads(record.value)
                items = answer(event, worth[tp.topic])
                value = json.dumps({"event_id": event["event_id"], "items": items}).encode()
                await producer.send(f"{namespace}.recommendations", key=record.key, value=value)
        await consumer.commit()


def main(name: str, broker: str, namespace: str) -> None:
    """Run one of them until it is ended."""
    if name == "faust":
        import faust

        faust.Worker(faust_app(broker, namespace), loglevel="error", redirect_stdouts=False).execute_from_commandline()
        return
    asyncio.run(loop({"biased_mf": biased_mf, "vowpal_wabbit": vowpal_wabbit}[name](), broker, namespace))


if __name__ == "__main__":
    main(*sys.argv[1:])
