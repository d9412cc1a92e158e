"""Pictures of commands."""

from pathlib import Path

from stream.bench.kafka.latency import Latency
from stream.commands.plot import draw_latency


def test_a_picture_shows_every_rate(tmp_path: Path) -> None:
    rows = [Latency(100, rate, 1.0, 5.0, 9.0, 20.0, 30.0, 0.5) for rate in (125.0, 250.0, 1_000.0)]
    draw_latency(rows, tmp_path / "latency.svg")
    written = (tmp_path / "latency.svg").read_text()
    assert all(f"<!-- {text} -->" in written for text in ("125", "250", "1,000", "p50", "p90", "p99"))
    assert "<!-- 128 -->" not in written
