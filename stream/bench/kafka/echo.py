"""The transport alone, to measure the engine against: `python -m stream.bench.kafka.echo`.

Takes polls as the worker does and answers every event with a slate through the worker's own writer, but nothing is
learned, chosen or logged. Settings come from the environment.
"""

import asyncio
import gc
import logging
import os
import time
from typing import Any, cast

import faust
from faust.types import TP

from stream.app import GC_THRESHOLDS, settings
from stream.config import Config, load
from stream.kafka.aiokafka_changes import calm_reconnect, plan_quickly
from stream.kafka.connections import Connections
from stream.kafka.event_loop import LoopPolicy
from stream.kafka.faust_polls import PollConsumer, PollSchema, Positions
from stream.observe import Observer
from stream.records.codec import decode_event
from stream.records.schemas import Event, EventType, Recommendation, Slot
from stream.records.topics import EVENT_TOPICS, RECOMMENDATIONS, prefixed
from stream.worker.writer import OutgoingRecord, SendError, Writer


def build(config: Config) -> faust.App:
    """Make the app, which serves `/readyz`."""
    logging.disable(logging.DEBUG)  # as the worker does
    calm_reconnect()
    plan_quickly()
    app = faust.App(**settings(config))
    kinds = {prefixed(config.kafka.namespace, topic): kind for kind, topic in EVENT_TOPICS.items()}
    writer = Writer(Connections(config.kafka), config.kafka.namespace, Observer(), time.time, _lost)

    positions = Positions(app)

    class Configured(PollConsumer):
        interval_s = staticmethod(lambda: config.kafka.poll_interval_s)
        max_records = config.kafka.max_poll_records

        async def before_joining(self) -> None:
            await writer.start()

    app.transport.Consumer = Configured  # type: ignore[misc]  # how Faust lets a consumer be replaced

    @app.agent(app.topic(*kinds, schema=PollSchema()), name="echo")
    async def echo(stream: Any) -> None:
        slots = [Slot(f"item-{n}", 1.0 / (n + 1), "ranked", 0.9) for n in range(config.slate.slots)]
        async for poll in stream:
            answers = [
                _answer(kinds[tp.topic], record, slots) for tp, records in poll for record in records if record.key
            ]
            await asyncio.gather(*await writer.send("echo", answers))

    async def assigned(_: Any, assigned: set[TP], **__: Any) -> None:
        app.add_future(begin(assigned))  # the rebalance must not wait for it

    async def begin(tps: set[TP]) -> None:
        for tp, first in (await positions.earliest(tps)).items():
            await positions.seek(tp, first)

    # The signal's type asks for more parameters than it passes.
    app.on_partitions_assigned.connect(cast("Any", assigned))

    @app.page("/readyz")
    async def readyz(view: Any, _: Any) -> Any:
        ready = bool(app.consumer.assignment())
        return view.text("takes events" if ready else "waits for partitions", status=200 if ready else 503)

    return app


def _answer(kind: EventType, record: Any, slots: list[Slot]) -> OutgoingRecord:
    event = decode_event(kind, record.key, record.value, record.timestamp / 1000)
    if not isinstance(event, Event):
        raise TypeError(f"echo: {record.topic}/{record.partition} offset {record.offset} must hold an event: {event}")
    slate = Recommendation(
        user_id=event.user_id, decision_id=f"{record.topic}.{record.partition}.{record.offset}",
        event_id=event.event_id, timestamp=event.timestamp, model_version=0, epoch=0, policy="none", slots=slots,
    )  # fmt: skip
    return OutgoingRecord(RECOMMENDATIONS, record.key, slate, record.partition)


def _lost(source: str, error: SendError) -> None:
    raise error


def main() -> None:
    """Run it."""
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.set_event_loop_policy(LoopPolicy())
    faust.Worker(build(load(None, os.environ)), loglevel="error", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
