"""The demo's figures in words."""

import io

import pytest
from rich.console import Console

from stream.demo.figures import Share, plain_line, shares, summary
from stream.demo.play import Frame
from tests.support.demo import live_frame


@pytest.fixture
def frame() -> Frame:
    return live_frame()


def test_figures_are_those_of_the_live_part(frame: Frame) -> None:
    assert frame.rate == 500.0
    assert frame.reward == 10.0 / 20
    assert shares(frame) == [Share("ranked", 0.9, 100.0), Share("trending", 0.1, 0.0)]
    assert plain_line(frame) == (
        "live    4 s: 2,000 events, 500/s; latency p50 12 ms p99 12 ms; hit rate 100.0% (popularity 0.0%); "
        "reward 0.50 a slate"
    )


def test_the_summary_has_every_figure(frame: Frame) -> None:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(summary(frame))
    text = capture.get()
    for part in ("2 in 4.0 s, 500/s, through Apache Kafka", "p50 12 ms, p99 12 ms", "100.0% of 1", "0.500 a slate",
                 "ranked 90.0%, trending 10.0%", "1,234 events"):  # fmt: skip
        assert part in text
