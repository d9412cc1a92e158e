"""The reading and writing of `recovery.py`: claims go into the log, snapshots and the log behind them come out."""

import asyncio
import logging
import time
from collections.abc import Sequence

from stream.config import Config
from stream.decisions.recovery import Claimed, Recovery
from stream.kafka.connections import Connections, TruncatedError
from stream.records.acceptance import Acceptance
from stream.records.log import LOG_VERSION, Claim, SnapshotCommitted, decode_message
from stream.records.topics import LOG, USER_SNAPSHOTS, ShardId
from stream.state.snapshot import Assembly
from stream.worker.writer import Writer

CLAIM_S = 30.0  # a claim that has not come back after so long never will
PROGRESS_INTERVAL_S = 5.0  # between two lines about the progress of a recovery

log = logging.getLogger(__name__)


class Takeover:
    """Makes this worker the owner of sources.

    Parameters
    ----------
    name : of the worker, for the tokens of its claims
    lists : names of the sources of slots
    acceptance : the log's rules, as far as this worker has heard
    """

    def __init__(
        self, config: Config, name: str, lists: tuple[str, ...], connections: Connections, writer: Writer,
        acceptance: Acceptance,
    ) -> None:  # fmt: skip
        self.config, self.name, self.lists = config, name, lists
        self.connections, self.writer, self.acceptance = connections, writer, acceptance
        self._claims: dict[str, asyncio.Future[Claimed]] = {}  # by token: written, not met in the log yet
        self._written = 0

    async def recover(self, sources: Sequence[str]) -> list[Recovery]:
        """Claim sources and fold their users; the numbers are those of `recovery.py`.

        A shard that somebody else has claimed since is left out: the others need not wait for it.

        Raises
        ------
        TruncatedError
            if a snapshot or the log behind it has been cut: somebody has claimed the shard meanwhile and this worker
            does not know it yet, or all is lost
        TimeoutError
            if a claim does not come back
        """
        claimed = await asyncio.wait_for(self._claim(sources), CLAIM_S)  # 1
        snapshots = await asyncio.gather(*(self._snapshot(claim) for claim in claimed.values()))  # 2
        recoveries = [
            Recovery(shard, claim, parts, self.config.rewards.session_gap_s, self.lists)
            for (shard, claim), parts in zip(claimed.items(), snapshots, strict=True)
            if parts is not None
        ]
        await self._fold([recovery for recovery in recoveries if ShardId.parse(recovery.shard).group == "users"])  # 3
        return recoveries

    def on_log_message(self, claim: Claim, offset: int) -> None:
        """The log has a claim at this offset, the last message judged; perhaps it is one that is waited for."""
        waiting = self._claims.pop(claim.token, None)
        if waiting is not None and not waiting.done():
            state, snapshot = self.acceptance.shards[claim.shard], self.acceptance.stored.get(claim.shard)
            waiting.set_result(Claimed(offset, state, snapshot))

    async def _claim(self, sources: Sequence[str]) -> dict[str, Claimed]:
        """Claim sources; returns what the fold knows of them where it meets the claims."""
        written = {}
        for shard in sources:
            token = f"{self.name}/{self._written}"
            self._written += 1
            written[shard] = self._claims[token] = asyncio.get_running_loop().create_future()
            await self.writer.log(Claim(LOG_VERSION, shard, token))
        return {shard: await future for shard, future in written.items()}

    async def _snapshot(self, claim: Claimed) -> list[bytes] | None:
        """Chunks of the newest snapshot of a shard's users; none if there is none; None: it is somebody else's now."""
        if claim.snapshot is None:
            return []
        try:
            return await self._chunks(claim.snapshot)
        except TruncatedError:
            if self.acceptance.shards[claim.snapshot.shard].epoch != claim.epoch:
                return None  # the new owner has stored a newer one, and deleted this one
            raise

    async def _chunks(self, stored: SnapshotCommitted) -> list[bytes]:
        assembly = Assembly()
        reader = self.connections.reader(USER_SNAPSHOTS, ShardId.parse(stored.shard).partition)
        try:
            position, end = await reader.start(stored.first)
            if position > stored.first:
                raise TruncatedError(
                    f"{stored.shard}: snapshot at {stored.first} has been cut; it starts at {position}"
                )
            while position < end:
                for at, record in await reader.read():
                    position = at + 1
                    whole = assembly.add(at, record)
                    if whole is not None and (whole.subject, whole.first) == (stored.shard, stored.first):
                        return whole.parts
        finally:
            await reader.stop()
        raise TruncatedError(f"{stored.shard}: the snapshot of log offset {stored.offset} is not whole")

    async def _fold(self, recoveries: list[Recovery]) -> None:
        """Show the recoveries the log, from the oldest snapshot to the newest claim."""
        behind = [recovery for recovery in recoveries if recovery.start < recovery.end]
        if not behind:
            return
        start, end = min(recovery.start for recovery in behind), max(recovery.end for recovery in behind)
        reader = self.connections.reader(LOG)
        try:
            first, _ = await reader.start(start)
            if first > start:
                sources = ", ".join(recovery.shard for recovery in behind if recovery.start < first)
                raise TruncatedError(
                    f"headwater.log: must start at or before offset {start} to recover {sources}; it starts at "
                    f"{first}, and there is no newer snapshot of their users"
                )
            said_at = time.monotonic()
            while start < end:
                if time.monotonic() > said_at + PROGRESS_INTERVAL_S:
                    said_at = time.monotonic()
                    log.info("recovering %d sources: at %d of %d of headwater.log", len(behind), start, end)
                for offset, data in await reader.read():
                    message = decode_message(data, offset)
                    for recovery in behind:
                        recovery.read(message, offset)
                    start = offset + 1
        finally:
            await reader.stop()
