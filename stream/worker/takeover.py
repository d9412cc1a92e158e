"""The reading and writing of `recovery.py`: claims are written to the log, snapshots and the log are read."""

import asyncio
import logging
import time
from collections.abc import Sequence

from stream.config import Config
from stream.decisions.recovery import Claimed, Recovery
from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.log_reader import read_log
from stream.kafka.snapshots import user_snapshot
from stream.records.log import LOG_VERSION, Claim
from stream.records.topics import ShardId
from stream.worker.replica import Replica
from stream.worker.writer import Writer

CLAIM_TIMEOUT_S = 30.0  # a claim that has not come back after so long never will
PROGRESS_INTERVAL_S = 5.0  # between two log lines while recovering

log = logging.getLogger(__name__)


class Takeover:
    """Makes this worker the owner of shards.

    Parameters
    ----------
    name : of the worker, for the tokens of its claims
    """

    def __init__(
        self, config: Config, name: str, connections: Connections, writer: Writer, replica: Replica
    ) -> None:  # fmt: skip
        self.config, self.name = config, name
        self.connections, self.writer, self.replica = connections, writer, replica
        self._claims: dict[str, asyncio.Future[Claimed]] = {}  # by token: written, not read back from the log yet
        self._written = 0

    async def recover(self, shards: Sequence[str]) -> list[Recovery]:
        """Claim shards and fold their users; the numbers are those of `recovery.py`.

        A shard that somebody else has claimed since is left out: the others need not wait for it.

        Raises
        ------
        TruncatedError
            if a snapshot or the log after it has been deleted: somebody has claimed the shard meanwhile and this
            worker does not know it yet, or all is lost
        TimeoutError
            if a claim does not come back
        """
        claimed = await asyncio.wait_for(self._claim(shards), CLAIM_TIMEOUT_S)  # 1
        snapshots = await asyncio.gather(*(self._snapshot(claim) for claim in claimed.values()))  # 2
        recoveries = [
            Recovery(shard, claim, parts, self.config.rewards.session_gap_s, self.replica.model.lists)
            for (shard, claim), parts in zip(claimed.items(), snapshots, strict=True)
            if parts is not None
        ]
        await self._fold([recovery for recovery in recoveries if ShardId.parse(recovery.shard).group == "users"])  # 3
        return recoveries

    def on_log_message(self, claim: Claim, offset: int) -> None:
        """A claim was folded, the last message so far; perhaps it is one of this worker's."""
        waiting = self._claims.pop(claim.token, None)
        if waiting is not None and not waiting.done():
            rules = self.replica.acceptance
            waiting.set_result(Claimed(offset, rules.shards[claim.shard], rules.stored.get(claim.shard)))

    async def _claim(self, shards: Sequence[str]) -> dict[str, Claimed]:
        """Claim shards; returns what the fold knows of each at its claim."""
        written = {}
        for shard in shards:
            token = f"{self.name}/{self._written}"
            self._written += 1
            written[shard] = self._claims[token] = asyncio.get_running_loop().create_future()
            await self.writer.log(Claim(LOG_VERSION, shard, token))
        return {shard: await future for shard, future in written.items()}

    async def _snapshot(self, claim: Claimed) -> list[bytes] | None:
        """Chunks of the newest snapshot of a shard's users, if any; None: somebody else has claimed it since."""
        if claim.snapshot is None:
            return []
        try:
            return await user_snapshot(self.connections, claim.snapshot)
        except TruncatedError:
            if self.replica.acceptance.shards[claim.snapshot.shard].epoch != claim.epoch:
                return None  # the new owner has stored a newer one, and deleted this one
            raise

    async def _fold(self, recoveries: list[Recovery]) -> None:
        """Fold the log from the oldest snapshot to the newest claim, for all recoveries at once."""
        pending = [recovery for recovery in recoveries if recovery.start < recovery.end]
        if not pending:
            return
        start, end = min(recovery.start for recovery in pending), max(recovery.end for recovery in pending)
        logged_at = time.monotonic()
        try:
            async for offset, message in read_log(self.connections, start, end):
                for recovery in pending:
                    recovery.read(message, offset)
                if time.monotonic() > logged_at + PROGRESS_INTERVAL_S:
                    logged_at = time.monotonic()
                    log.info("recovering %d shards: at %d of %d of headwater.log", len(pending), offset, end)
        except TruncatedError as error:
            shards = ", ".join(recovery.shard for recovery in pending)
            raise TruncatedError(
                f"{error}: to recover {shards}, and there is no newer snapshot of their users"
            ) from error
