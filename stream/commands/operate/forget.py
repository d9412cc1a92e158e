"""`headwater forget`."""

import time

import click
from kafka import KafkaConsumer, TopicPartition

from stream.client.producer import Sender
from stream.client.watch import partition_of
from stream.commands.options import configured, examples, within_option
from stream.config import Config
from stream.errors import CheckError, UsageError
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.records.ids import fault, length_fault
from stream.records.topics import RECOMMENDATIONS, prefixed


@click.command(epilog=examples("headwater forget u42", "headwater forget u42 --within 0"))
@click.argument("user")
@within_option
@configured
def command(config: Config, user: str, within: float) -> None:
    """Remove a user from everything that headwater knows.

    Writes a tombstone to catalog.users. A worker takes it in like any event of the user, in the order of the log: the
    user leaves the working memory, and the slate leaves the topic recommendations. Snapshots taken from then on do not
    hold the user; older ones are deleted within `snapshot_s`, and the log is truncated behind them. Later events make a
    new user of the same name. Exit code 1 if no worker did it in time; the tombstone stays, and a worker will do it.
    """
    if wrong := length_fault(user):
        raise UsageError(f"USER: {wrong}")
    if unlike := fault(user):  # of before the rule: it must be possible to forget them
        click.echo(f"note: as an id, USER {unlike}; it is forgotten all the same", err=True)
    topic = prefixed(config.kafka.namespace, RECOMMENDATIONS)
    tp = TopicPartition(topic, partition_of(user, check(config.kafka)[topic]))
    consumer = KafkaConsumer(**kafka_options(config.kafka))
    try:
        consumer.assign([tp])
        consumer.seek_to_end(tp)
        consumer.position(tp)  # what comes from here on is an answer
        with Sender(config.kafka) as sender:
            sender.forget(user)
            sender.flush()
        click.echo(f"asked to forget {user}")
        if within > 0:
            _wait(consumer, user.encode(), within)
            click.echo(f"{user} is forgotten")
    finally:
        consumer.close()


def _wait(consumer: KafkaConsumer, key: bytes, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=100).values():
            if any(record.key == key and record.value is None for record in records):
                return
    raise CheckError(f"no worker forgot the user within {within:g} s; one will when it runs")
