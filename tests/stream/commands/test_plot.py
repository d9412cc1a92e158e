"""Pictures of commands."""

import math
from pathlib import Path

from stream.bench.kafka.latency import Latency
from stream.bench.kafka.overload import Second
from stream.commands.plot import draw_latency, draw_overload


def test_a_picture_shows_every_rate(tmp_path: Path) -> None:
    rows = [Latency(100, rate, 1.0, 5.0, 9.0, 20.0, 30.0, 0.5) for rate in (125.0, 250.0, 1_000.0)]
    draw_latency(rows, tmp_path / "latency.svg")
    written = (tmp_path / "latency.svg").read_text()
    assert all(f"<!-- {text} -->" in written for text in ("125", "250", "1,000", "p50", "p90", "p99"))
    assert "<!-- 128 -->" not in written


def test_a_picture_of_overload_names_the_loads(tmp_path: Path) -> None:
    own = [15.0] * 9 + [math.nan]
    rows = [Second(n, 0.5 if n < 5 else 4.0, 10.0, 20.0, 50.0 * n + 1, own[n], 1.0) for n in range(10)]
    draw_overload(rows, tmp_path / "overload.svg")
    written = (tmp_path / "overload.svg").read_text()
    assert all(f"<!-- {text} -->" in written for text in ("0.5 x", "4 x", "p50", "p90", "p99"))
    assert "seconds" in written
