"""A log as one owner writes it, for the tests of the fold."""

from typing import Any

from stream.config import Config, Policy, Slate
from stream.decisions.arrivals import UserEvent
from stream.decisions.engine import Engine
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.log import (
    LOG_VERSION,
    Claim,
    ItemChange,
    LoggedEvent,
    decode_message,
    encode_message,
)
from stream.records.schemas import Item

T = 1_700_000_000.0

CONFIG = Config(slate=Slate(slots=4), policy=Policy(name="sarsa", epsilon=0.3))


def written(events: int = 60, config: Config = CONFIG) -> list[bytes]:
    """A log as an owner writes it: a small catalogue, then some users' events, three a batch."""
    model = Model(config)
    engine, shard = Engine(config, model), Shard("users/0", 0, config.rewards)
    log = [encode_message(Claim(LOG_VERSION, "users/0", "token"))]
    catalogue: list[Any] = [
        ItemChange(item, Item(item_id=item, categories=["x" if item < "d" else "y"])) for item in "abcdefgh"
    ]
    arrivals: list[Any] = [
        UserEvent(
            "uvw"[n % 3], LoggedEvent(n % 3, n, f"e{n}", "abcdefghij"[n * n % 10], n % 3, T + 60.0 * n, None, None)
        )
        for n in range(events)
    ]
    model.fold(decode_message(log[0], 0), 0)
    for poll in [catalogue, *(arrivals[n : n + 3] for n in range(0, events, 3))]:
        message = engine.batch(shard, poll, {})
        log.append(encode_message(message))
        model.fold(message, model.offset)
    return log


def folded(log: list[bytes], observer: Observer | None = None) -> Model:
    model = Model(CONFIG, observer)
    for data in log:
        model.fold(decode_message(data, model.offset), model.offset)
    return model


LOG = written()
