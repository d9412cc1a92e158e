"""The transport alone, through a real Kafka: an answer to every event, and no engine (`echo.py`)."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.bench.kafka.latency import Process, steady
from stream.bench.kafka.load import prepared, producer_of, write_backlog
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.security import aiokafka_options
from stream.processes.servers import EchoProcess
from stream.records.topics import RECOMMENDATIONS, prefixed


class Answered(NamedTuple):
    """A backlog to which every event gets an answer of its own."""

    events: int
    seconds: float
    rate: float  # events per second
    cpu: float  # share of one core


async def measure_transport(config: Config, events: int, rates: Sequence[float], seconds: float) -> list[Any]:
    """Measure a backlog and the latency at each rate, with an echo instead of a worker."""
    found: list[Any] = []
    if events:
        config = prepared(config, "transport")
        await write_backlog(config, events)
        with EchoProcess(config) as echo:
            found.append(await answered(config, echo, events))
    for rate in rates:
        config = prepared(config, f"transport-{rate:.0f}")
        with EchoProcess(config) as echo:
            echo.wait_ready()
            found.append(await steady(config, echo, rate, seconds))
    return found


async def answered(config: Config, process: Process, events: int, within_s: float = 120.0) -> Answered:
    """Measure how fast a backlog is answered, event by event, from the first fifth on, for `within_s` at most."""
    topic = prefixed(config.kafka.namespace, RECOMMENDATIONS)
    async with producer_of(config) as producer:
        tps = [TopicPartition(topic, p) for p in await producer.partitions_for(topic)]
    async with AIOKafkaConsumer(**aiokafka_options(config.kafka), group_id=None) as consumer:
        first, began = None, time.monotonic()
        while True:
            count = sum((await consumer.end_offsets(tps)).values())
            now = time.monotonic()
            if first is None and count >= events:
                raise CheckError(f"backlog: {events} events were answered before the first look: measure with more")
            if first is None and count >= 0.2 * events:
                first = count, now, process.cpu_seconds()
            if first is not None and (count >= events or (now - first[1] > within_s and count > first[0])):
                seconds, cpu = now - first[1], process.cpu_seconds() - first[2]
                return Answered(count, seconds, (count - first[0]) / seconds, cpu / seconds)
            if process.exit_code is not None or now - began > 2.0 * within_s:
                raise CheckError(f"backlog: must be answered; got {count} of {events} answers in {now - began:.0f} s")
            await asyncio.sleep(0.05)
