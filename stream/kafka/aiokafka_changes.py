"""What this process changes in aiokafka, for all of its clients: calm while a broker is away, and less work a fetch.

Each change has its reason; what it replaces is pinned in `tests/stream/kafka/test_faust_polls.py`.
"""

import asyncio
import random
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest

RECONNECT_PAUSE_S = 0.25  # between attempts to find a broker that is away

Actions = tuple[list[tuple[int, FetchRequest]], dict[int, Any], float, bool, list[Any]]


def calm_reconnect() -> None:
    """Let aiokafka pause between attempts while the broker is away: it retries thousands of times a second."""
    original = AIOKafkaClient._metadata_update  # noqa: SLF001  the only place where the attempts meet
    if getattr(original, "calm", False):
        return

    async def _metadata_update(self: Any, cluster_metadata: Any, topics: Any) -> Any:
        found = await original(self, cluster_metadata, topics)
        if not found:
            await asyncio.sleep(RECONNECT_PAUSE_S)
        return found

    _metadata_update.calm = True  # type: ignore[attr-defined]  # a mark, so that it is wrapped once
    AIOKafkaClient._metadata_update = _metadata_update  # noqa: SLF001


def survive_closed_transports() -> None:
    """Let a request on a connection that has just closed fail as aiokafka expects it.

    uvloop raises RuntimeError where asyncio's own transports raise OSError or nothing. Nobody catches it, so the one
    task that refreshes the metadata ended, and the client waited for it for ever after the broker had come back.
    """
    original = AIOKafkaConnection.send
    if getattr(original, "survives", False):
        return

    def send(self: Any, request: Any, expect_response: bool = True) -> Any:
        try:
            return original(self, request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    send.survives = True  # type: ignore[attr-defined]  # a mark, so that it is wrapped once
    AIOKafkaConnection.send = send


def plan_quickly() -> None:
    """Let consumers plan their fetches with `planned`, where it has an answer.

    aiokafka makes a dozen calls for each partition, twice a fetch: after the answer too, when there is nothing to send,
    since what it brought has not been taken yet.
    """
    original = Fetcher._get_actions_per_node  # noqa: SLF001  there is no public way
    if getattr(original, "quick", False):
        return

    def _get_actions_per_node(self: Any, assignment: Any) -> Any:
        found = planned(self, assignment)
        return original(self, assignment) if found is None else found

    _get_actions_per_node.quick = True  # type: ignore[attr-defined]  # a mark, so that it is wrapped once
    Fetcher._get_actions_per_node = _get_actions_per_node  # noqa: SLF001


def planned(fetcher: Any, assignment: Any) -> Actions | None:
    """The fetches to be sent now, as `Fetcher._get_actions_per_node` says it; None: ask aiokafka itself.

    That is where a partition has no leader or no position, is paused, or may be read from a follower.

    Returns
    -------
    fetches by node, resets, seconds until the next look at the latest, whether the metadata are wrong, what is paused
    """
    if fetcher._preferred_read_replica:  # noqa: SLF001
        return None
    records, in_flight = fetcher._records, fetcher._in_flight  # noqa: SLF001
    leader_of = fetcher._client.cluster.leader_for_partition  # noqa: SLF001
    waiting: dict[int, float] = {}  # node -> how long it is not asked, since what it sent has not been taken
    for tp, each in records.items():
        if left := each.calculate_backoff():
            node = leader_of(tp)
            waiting[node] = max(left, waiting.get(node, 0.0))
    seconds = min(waiting.values()) if waiting else fetcher._fetcher_timeout  # noqa: SLF001
    of, nodes = getattr(fetcher, "_planned_for", (None, frozenset()))
    if of is assignment and all(node in in_flight or node in waiting for node in nodes):
        return [], {}, seconds, False, []

    nodes, most = set[int](), fetcher._max_partition_fetch_bytes  # noqa: SLF001
    wanted: dict[int, dict[str, list[tuple[int, int, int]]]] = {}
    for tp, state in assignment._tp_state.items():  # noqa: SLF001
        node, position = leader_of(tp), state._position  # noqa: SLF001
        if node is None or node == -1 or position is None or state._paused:  # noqa: SLF001
            fetcher._planned_for = None, frozenset()  # noqa: SLF001
            return None
        nodes.add(node)
        if tp not in records and node not in in_flight and node not in waiting:
            wanted.setdefault(node, {}).setdefault(tp.topic, []).append((tp.partition, position, most))
    fetcher._planned_for = assignment, frozenset(nodes)  # noqa: SLF001
    return [(node, _fetch(fetcher, topics)) for node, topics in wanted.items()], {}, seconds, False, []


def _fetch(fetcher: Any, topics: dict[str, list[tuple[int, int, int]]]) -> FetchRequest:
    named, most = list(topics.items()), fetcher._fetch_max_bytes  # noqa: SLF001
    if sum(len(each) for each in topics.values()) * fetcher._max_partition_fetch_bytes > most:  # noqa: SLF001
        for each in topics.values():  # the answer may not have room for all: another one is first each time
            random.shuffle(each)
        random.shuffle(named)
    return FetchRequest(
        fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes, most, fetcher._isolation_level, named,  # noqa: SLF001
        rack_id=fetcher._client_rack or "",  # noqa: SLF001
    )  # fmt: skip
