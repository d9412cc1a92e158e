"""What the log says of a shard decides whether this worker keeps it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from stream.config import Config, Rewards
from stream.decisions.shard import Shard
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import LOG_VERSION, Batch, Claim
from stream.worker.intake import Intake
from stream.worker.ownership import LONGEST_PAUSE_S, PAUSE_S, Ownership, _pause
from stream.worker.snapshotter import ECHO_TIMEOUT_S

EPOCH, PENDING = 7, 3
VIEWS = {p: TP("events.view", p) for p in range(2)}


class Owner:
    """The owner of `users/0` since log offset 7, with three records on their way."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.sought: list[str] = []
        self.claims: list[int] = []
        self.shard = Shard("users/0", EPOCH, Rewards())
        self.shard.pending = PENDING
        self.shard.next = {"events.view": 3}
        self.acceptance = SimpleNamespace(shards={"users/0": SimpleNamespace(epoch=EPOCH)})
        parts: dict[str, Any] = {
            "positions": SimpleNamespace(seek=self._seek), "writer": None,
            "replica": SimpleNamespace(acceptance=self.acceptance, caught_up=asyncio.Event(), waiting=False),
            "takeover": SimpleNamespace(on_log_message=lambda _, offset: self.claims.append(offset)),
        }  # fmt: skip
        config, observer = Config(), Observer()
        self.ownership = Ownership(config, observer, Intake(config, observer), **parts, on_gone=self.gone.append)
        self.ownership.assign([VIEWS[0]])
        self.ownership.shards["users/0"] = self.shard

    async def _seek(self, shard: Shard, tps: set[TP]) -> None:
        del tps
        self.sought.append(shard.id)

    @property
    def owns(self) -> bool:
        return "users/0" in self.ownership.shards


def with_owner(act: Callable[[Owner], Any]) -> Owner:
    """An owner, after something has happened in a running loop."""

    async def run() -> Owner:
        owner = Owner()
        result = act(owner)
        if asyncio.iscoroutine(result):
            await result
        return owner

    return asyncio.run(run())


def batch(epoch: int = EPOCH, records: int = 2) -> Batch:
    return Batch(LOG_VERSION, "users/0", epoch, 0, {}, 0.0, [None] * records)  # type: ignore[list-item]  # counted only


@pytest.mark.parametrize(("offset", "owns"), [(EPOCH, True), (EPOCH + 1, False)])
def test_a_later_claim_takes_the_shard(offset: int, owns: bool) -> None:
    owner = with_owner(
        lambda owner: owner.ownership.on_log_message(Claim(LOG_VERSION, "users/0", "x"), "claimed", offset)
    )
    assert (owner.owns, owner.gone, owner.claims) == (owns, [] if owns else ["users/0"], [offset])


@pytest.mark.parametrize(
    ("message", "verdict", "accepted", "owns", "pending"),
    [
        (batch(), "accepted", True, True, PENDING - 2),
        (batch(), "duplicate", False, True, PENDING),
        (batch(), "gap", False, False, PENDING),
        (batch(EPOCH - 1), "fenced", False, True, PENDING),
    ],
)
def test_an_own_batch_that_is_ignored_loses_the_shard(
    message: Batch, verdict: Verdict, accepted: bool, owns: bool, pending: int
) -> None:
    found: list[bool] = []
    owner = with_owner(lambda owner: found.append(owner.ownership.on_log_message(message, verdict, 9)))
    assert (found, owner.owns, owner.shard.pending) == ([accepted], owns, pending)


def test_a_released_shard_is_resumed_if_nobody_has_claimed_it() -> None:
    async def revoke_and_assign(owner: Owner) -> None:
        owner.ownership.release(["users/0"])
        assert not owner.owns
        owner.ownership.assign(VIEWS.values())
        await owner.ownership._resume_released()

    owner = with_owner(revoke_and_assign)
    assert owner.ownership.shards == {"users/0": owner.shard}
    assert (owner.gone, owner.sought) == (["users/0"], ["users/0"])
    assert set(owner.ownership.assigned) == {"users/0", "users/1"}


def test_a_released_shard_that_somebody_has_claimed_is_not_resumed() -> None:
    async def claimed_meanwhile(owner: Owner) -> None:
        owner.ownership.release(["users/0"])
        owner.acceptance.shards["users/0"] = SimpleNamespace(epoch=EPOCH + 1)
        owner.ownership.assign([VIEWS[0]])
        await owner.ownership._resume_released()

    assert not with_owner(claimed_meanwhile).owns


def test_a_truncated_log_loses_released_shards_too() -> None:
    async def truncated(owner: Owner) -> None:
        owner.ownership.release(["users/0"])
        owner.ownership.on_truncation()
        owner.ownership.assign([VIEWS[0]])
        await owner.ownership._resume_released()

    assert not with_owner(truncated).owns


@pytest.mark.parametrize(("late_s", "pending", "owns"), [(1.0, 1, False), (-1.0, 1, True), (1.0, 0, True)])
def test_batches_that_do_not_come_back_lose_the_shard(late_s: float, pending: int, owns: bool) -> None:
    def wait(owner: Owner) -> None:
        owner.shard.pending = pending
        owner.ownership._progress_at["users/0"] = asyncio.get_running_loop().time() - ECHO_TIMEOUT_S - late_s
        owner.ownership.check_echoes()

    assert with_owner(wait).owns is owns


def test_the_pause_doubles_up_to_a_limit() -> None:
    assert [_pause(n) for n in range(6)] == [PAUSE_S, 1.0, 2.0, 4.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
