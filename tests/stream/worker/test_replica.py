"""The log is passed on once, also while the model is folded again."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from stream.compiling.later import Later
from stream.config import Config
from stream.model.fold import Model
from stream.records.acceptance import Verdict
from stream.records.log import LOG_VERSION, Batch, Claim, ExperimentChange, Message, encode_message
from stream.records.schemas import Experiment, Variant
from stream.records.topics import LOG, MODEL_SNAPSHOTS
from stream.state.snapshot import chunks
from stream.worker.replica import LogTruncatedError, Replica
from tests.support.topic_logs import ListConnections

CLAIMS = [Claim(LOG_VERSION, f"users/{n % 2}", f"token-{n}") for n in range(5)]

OTHER = Variant(name="other", share=0.5, settings={"policy": {"name": "sarsa"}})
EXPERIMENT = Experiment(name="x", variants=[Variant(name="control", share=0.5), OTHER], starts_at=1e9)


class Followed:
    """A replica of a log of claims, and what it passed on."""

    def __init__(self) -> None:
        self.connections = ListConnections()
        self.connections.topics[LOG.name] = [encode_message(claim) for claim in CLAIMS]
        self.offsets: list[int] = []
        self.epochs: list[dict[str, int]] = []
        self.errors: list[BaseException] = []
        self.truncations = 0
        self.model = Model(Config())
        connections: Any = self.connections
        self.replica = Replica(connections, self.model, self._take, self._truncated, self.errors.append)

    async def _take(self, message: Message, verdict: Verdict, offset: int) -> None:
        del message
        assert verdict in ("claimed", "accepted")
        self.offsets.append(offset)
        self.epochs.append(self.owners())

    def _truncated(self) -> None:
        self.truncations += 1

    def owners(self) -> dict[str, int]:
        return {shard: state.epoch for shard, state in self.replica.acceptance.shards.items()}

    def snapshot(self, offset: int, messages: Sequence[Message] = CLAIMS) -> None:
        """Put a snapshot of the model as of this offset into its topic."""
        model = Model(Config())
        for n in range(offset):
            model.fold(messages[n], n)
        parts = model.copy().encode()
        self.connections.topics[MODEL_SNAPSHOTS.name] = list(chunks("model", 0, offset, parts))

    async def caught_up(self) -> None:
        """Return when the model is at the end of the log."""
        while self.model.offset < len(CLAIMS) and not self.errors:
            await asyncio.sleep(0.001)


def test_every_message_is_passed_on_once_though_the_model_is_rebuilt() -> None:
    async def follow() -> None:
        followed = Followed()
        await followed.replica.start()
        await followed.caught_up()
        last = followed.owners()
        followed.replica.rebuild()
        while followed.model.offset == len(CLAIMS):
            await asyncio.sleep(0)
        assert followed.model.acceptance.shards == {}
        assert followed.owners() == last == {"users/0": 4, "users/1": 3}, "the owners stay known"
        await followed.caught_up()
        await followed.replica.stop()
        assert followed.owners() == last
        assert (followed.offsets, followed.errors, followed.truncations) == ([0, 1, 2, 3, 4], [], 0)
        assert followed.epochs[1] == {"users/0": 0, "users/1": 1}

    asyncio.run(follow())


def test_the_fold_starts_after_the_newest_snapshot() -> None:
    async def follow() -> None:
        followed = Followed()
        followed.snapshot(3)
        followed.connections.first[LOG.name] = 3
        await followed.replica.start()
        await followed.caught_up()
        await followed.replica.stop()
        assert (followed.offsets, followed.owners()) == ([3, 4], {"users/0": 4, "users/1": 3})

    asyncio.run(follow())


def test_an_experiment_waits_for_its_kernels_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages before it are folded, those after it are not."""
    monkeypatch.setattr("stream.worker.replica.KERNELS_CHECK_S", 0.01)
    begin = Batch(LOG_VERSION, "users/0", 2, 0, {}, 0.0, [ExperimentChange("x", EXPERIMENT)])

    async def follow() -> None:
        followed = Followed()
        followed.connections.topics[LOG.name][3] = encode_message(begin)
        followed.replica.kernels = later = Later(Config())
        await followed.replica.start()
        while not followed.replica.waiting:
            await asyncio.sleep(0.001)
        before = followed.replica.alive_at
        await asyncio.sleep(0.1)
        assert followed.offsets == [0, 1, 2]
        assert followed.replica.alive_at > before
        later._there.set()
        await followed.caught_up()
        await followed.replica.stop()
        assert (followed.offsets, followed.replica.waiting, followed.errors) == ([0, 1, 2, 3, 4], False, [])

    asyncio.run(follow())


def test_a_running_experiment_of_a_snapshot_waits_too() -> None:
    begin = Batch(LOG_VERSION, "users/0", 2, 0, {}, 0.0, [ExperimentChange("x", EXPERIMENT)])

    async def follow() -> None:
        followed = Followed()
        followed.snapshot(4, [*CLAIMS[:3], begin])
        followed.replica.kernels = later = Later(Config())
        starting = asyncio.create_task(followed.replica.start())
        while not followed.replica.waiting:
            await asyncio.sleep(0.001)
        before = followed.model.tally.current
        later._there.set()
        await starting
        assert (before, followed.model.tally.current) == (None, EXPERIMENT)
        await followed.replica.stop()

    asyncio.run(follow())


@pytest.mark.parametrize(("offset", "first", "text"), [(1, 2, "it starts at 2"), (5, 0, "it ends at 4")])
def test_a_log_that_does_not_meet_the_snapshot_is_an_error(
    monkeypatch: pytest.MonkeyPatch, offset: int, first: int, text: str
) -> None:
    monkeypatch.setattr("stream.worker.replica.CHECK_INTERVAL_S", 0.0)
    followed = Followed()
    followed.snapshot(offset)
    followed.connections.first[LOG.name] = first
    followed.connections.topics[LOG.name] = followed.connections.topics[LOG.name][:4]
    with pytest.raises(LogTruncatedError, match=text):
        asyncio.run(followed.replica.start())
