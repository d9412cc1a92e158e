"""The demo's figures as text: a line, a summary, and the parts of both and of the picture."""

import re
from collections.abc import Collection
from typing import NamedTuple

from rich.table import Table

from stream.demo.play import Frame
from stream.demo.score import DEPTH, percentile

BLOCKS = "▁▂▃▄▅▆▇█"
WORKER = {
    "events": "headwater_events_total",
    "slates": "headwater_decisions_opened_total",
    "records learned": "headwater_records_folded_total",
    "dead letters": "headwater_dead_letters_total",
    "duplicates": "headwater_duplicate_events_total",
    "waiting": "headwater_consumer_lag_events",
}
_ARTICLE = re.compile(r"^(.+?), (The|An?)(?= \(|$)")
_SOURCE = re.compile(r'headwater_slots_total\{source="(.+)"\}')


class Share(NamedTuple):
    """The slots of one source in the live part."""

    source: str
    share: float  # of all slots
    hits: float  # per thousand of its slots


def plain_line(frame: Frame) -> str:
    """Format all figures as one line."""
    score = frame.score
    head = f"{frame.phase} {frame.elapsed_s:4.0f} s: {frame.sent:,} events, {frame.rate:,.0f}/s"
    if not score.live:
        return head
    return (
        f"{head}; latency p50 {milliseconds(score.recent, 0.5)} p99 {milliseconds(score.recent, 0.99)}; "
        f"hit rate {score.hit_rate:.1%} (popularity {score.popular_hit_rate:.1%}); reward {frame.reward:.2f} a slate"
    )


def summary(frame: Frame) -> Table:
    """Make a table of the figures of the live part; every process shared this machine."""
    score = frame.score
    p50, p99 = (milliseconds(score.latencies, share) for share in (0.5, 0.99))
    rows = {
        "events": f"{score.events:,} in {frame.elapsed_s:.1f} s, {frame.rate:,.0f}/s, through {frame.kafka}",
        "slates they caused": f"{score.slates:,}",
        "event to recommendation": f"p50 {p50}, p99 {p99}",
        "hit rate, headwater": f"{score.hit_rate:.1%} of {score.steps:,} next films were on the slate of {DEPTH}",
        "hit rate, popularity": f"{score.popular_hit_rate:.1%} were among the {DEPTH} most popular so far",
        "reward": f"{frame.reward:.3f} a slate",
        "sources of slots": ", ".join(f"{each.source} {each.share:.1%}" for each in shares(frame)),
        "worker, history included": worker(frame),
    }
    table = Table(title="headwater demo, live part", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def shares(frame: Frame) -> list[Share]:
    """List the sources, the largest share first."""
    names = sorted(found[1] for metric in frame.now if (found := _SOURCE.fullmatch(metric)))
    slots = {name: frame.gained(f'headwater_slots_total{{source="{name}"}}') for name in names}
    hits = {name: frame.gained(f'headwater_hits_total{{source="{name}"}}') for name in names}
    total = max(1.0, sum(slots.values()))
    return [
        Share(name, slots[name] / total, 1000 * hits[name] / max(1.0, slots[name]))
        for name in sorted(names, key=lambda name: -slots[name])
    ]


def worker(frame: Frame) -> str:
    """Format the worker's own counts since its start."""
    counts = ", ".join(f"{frame.now.get(metric, 0.0):,.0f} {name}" for name, metric in WORKER.items())
    return f"{counts}, {frame.now.get('process_resident_memory_bytes', 0.0) / 2**20:,.0f} MiB"


def milliseconds(latencies: Collection[float], share: float) -> str:
    """Format a percentile of latencies, which are in seconds.

    >>> milliseconds([0.010, 0.020, 0.090], 0.5), milliseconds([], 0.5)
    ('20 ms', '-')
    """
    return f"{1000 * percentile(latencies, share):.0f} ms" if latencies else "-"


def readable(title: str) -> str:
    """Put a title's article in front.

    >>> readable("American President, The (1995)"), readable("Road Warrior, The (Mad Max 2) (1981)")
    ('The American President (1995)', 'The Road Warrior (Mad Max 2) (1981)')
    """
    return _ARTICLE.sub(r"\2 \1", title)


def sparkline(values: list[float], width: int) -> str:
    """Draw the last values as blocks, from zero to the highest.

    >>> sparkline([0.0, 0.05, 0.1], width=8)
    '▁▅█'
    """
    top = max(values, default=0.0) or 1.0
    return "".join(BLOCKS[min(7, int(8 * value / top))] for value in values[-width:])
