"""The workloads: seeded, endless, and like the sessions of a real log."""

from itertools import pairwise

from stream.bench.workloads import World, catalogue, sessions, workload

START = 1_700_000_000.0


def test_a_workload_is_the_same_every_time_however_long() -> None:
    def events(n: int) -> list[tuple[str, str, str, float]]:
        made = sessions(World(users=400, items=100), START)
        return [(kind, e.user_id, e.item_id, e.timestamp) for kind, e in (next(made) for _ in range(n))]

    assert events(50) == events(500)[:50]
    assert list(catalogue(World(10, 20))) == list(catalogue(World(10, 20)))
    ids = [event.event_id for _, event in workload(50)]
    assert len(set(ids)) == 50


def test_sessions_come_at_the_rate_with_the_gaps_of_the_log() -> None:
    made = sessions(World(users=1_000_000, items=1_000, rate=50.0), START)
    found = [event for _, event in (next(made) for _ in range(60_000))]
    times = [event.timestamp for event in found]
    assert times == sorted(times)
    assert 40.0 < 30_000 / (times[-1] - times[-30_001]) < 60.0, "as many a second as asked for"
    per_user: dict[str, list[float]] = {}
    for event in found:
        per_user.setdefault(event.user_id, []).append(event.timestamp)
    gaps = sorted(b - a for user in per_user.values() for a, b in pairwise(user))
    assert 45.0 < gaps[len(gaps) // 2] < 60.0
