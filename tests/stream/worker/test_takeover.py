"""A claim is complete when the log gives it back; a shard that somebody else has claimed since is left out."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stream.config import Config
from stream.kafka.connections import TruncatedError
from stream.records.acceptance import Acceptance
from stream.records.log import LOG_VERSION, Claim, Message, SnapshotCommitted
from stream.worker.takeover import Takeover
from tests.support.topic_logs import ListConnections


class Log:
    """A log in which only claims are written; `meanwhile` stands in it after them."""

    def __init__(self, *meanwhile: Message) -> None:
        self.rules, self.meanwhile, self.end = Acceptance(), meanwhile, 0
        connections: Any = ListConnections()
        writer: Any = self
        replica: Any = SimpleNamespace(acceptance=self.rules, model=SimpleNamespace(lists=()))
        self.takeover = Takeover(Config(), "me", connections, writer, replica)

    def append(self, message: Message) -> None:
        self.rules.judge(message, self.end)
        self.end += 1

    async def log(self, message: Claim) -> None:
        """Write a claim, which is folded at once."""
        self.append(message)
        self.takeover.on_log_message(message, self.end - 1)
        for each in self.meanwhile:
            self.append(each)


def stored(epoch: int) -> SnapshotCommitted:
    return SnapshotCommitted(LOG_VERSION, "users/0", epoch, "users", 1, 0, 1)


def test_a_claimed_shard_starts_empty_without_a_snapshot() -> None:
    log = Log()
    log.append(Claim(LOG_VERSION, "users/0", "other"))
    (recovery,) = asyncio.run(log.takeover.recover(["users/0"]))
    assert (recovery.claimed.epoch, recovery.claimed.snapshot, len(recovery.users)) == (1, None, 0)


@pytest.mark.parametrize("claimed_since", [True, False])
def test_a_missing_snapshot_is_an_error_unless_the_shard_has_a_new_owner(claimed_since: bool) -> None:
    log = Log(*[Claim(LOG_VERSION, "users/0", "other")] * claimed_since)
    log.append(Claim(LOG_VERSION, "users/0", "before"))
    log.append(stored(0))
    if claimed_since:
        assert asyncio.run(log.takeover.recover(["users/0"])) == []
    else:
        with pytest.raises(TruncatedError, match="is not whole"):
            asyncio.run(log.takeover.recover(["users/0"]))
