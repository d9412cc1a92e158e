"""Quality over time as a picture. Needs matplotlib: `pip install 'headwater[plots]'`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SIZE = (9.0, 7.0)  # inches
DPI = 120
DISTINCT = 10  # colours before they repeat
MARKERS = "osv"


def draw(curve: dict[str, Any], path: Path) -> None:
    """Draw the curve of a report: hit rate of every learner above, log-loss of the click head below.

    Steps stand at equal distances: on an axis of time, a quiet night would take most of the picture.

    Parameters
    ----------
    curve : as in `report["curve"]`
    path : .png or .svg
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)  # needs no screen
    hits, losses = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    ends = list(accumulate(curve["steps"]))
    for n, (learner, values) in enumerate(curve["hit_rate"].items()):
        engine = learner == "engine"
        hits.plot(
            ends, values, label=learner, marker=MARKERS[n // DISTINCT % len(MARKERS)], markersize=3.0,
            linewidth=2.5 if engine else 1.0, color="black" if engine else f"C{n % DISTINCT}",
        )  # fmt: skip
    hits.set_title(f"Hit rate over time, in {len(ends)} windows of about {max(curve['steps'], default=0):,} steps")
    hits.set_ylabel(f"hit rate @{curve['k']}, share of steps")
    hits.set_ylim(bottom=0.0)
    hits.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    losses.plot(ends, curve["click_log_loss"], color="black", marker="o", markersize=3.0, linewidth=1.0)
    losses.set_ylabel("log-loss of P(click),\nnats per candidate")
    losses.set_ylim(bottom=0.0)
    losses.set_xlabel(f"measured steps, {_day(curve['from'][0])} to {_day(curve['to'][-1])} UTC")
    losses.xaxis.set_major_formatter("{x:,.0f}")
    for axes in (hits, losses):
        _dress(axes)
    figure.savefig(path, dpi=DPI, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw_latency(rows: Sequence[Any], path: Path) -> None:
    """Draw milliseconds from event to recommendation against events per second, both logarithmic.

    Parameters
    ----------
    rows : of type `stream.bench.kafka.latency.Latency`
    path : .png or .svg
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, style in (("p99_ms", "-"), ("p90_ms", "--"), ("p50_ms", ":")):
        values = [getattr(row, name) for row in rows]
        label = name.removesuffix("_ms")
        axes.plot([row.rate for row in rows], values, style, color="black", marker="o", markersize=3.0, label=label)
    axes.set_title("From event to recommendation")
    axes.set_xscale("log", base=2)
    axes.set_xticks([row.rate for row in rows])
    axes.set_yscale("log")
    axes.set_xlabel("events per second")
    axes.set_ylabel("milliseconds from when the event was due")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False)
    _dress(axes)
    figure.savefig(path, dpi=DPI, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw_overload(rows: Sequence[Any], path: Path) -> None:
    """Draw how long events wait for a slate that knows them, second by second, under more load than there is time for.

    Parameters
    ----------
    rows : of type `stream.bench.kafka.overload.Second`
    path : .png or .svg
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    seconds = [row.second for row in rows]
    for name, style in (("p99_ms", "-"), ("p90_ms", "--"), ("p50_ms", ":")):
        axes.plot(seconds, [getattr(row, name) for row in rows], style, color="black", label=name.removesuffix("_ms"))
    axes.plot(seconds, [row.once_ms for row in rows], color="C1", label="p99 of events with a slate of their own")
    for load, phase in groupby(rows, lambda row: row.load):
        first, *others = phase
        last = others[-1] if others else first
        axes.axvspan(first.second, last.second + 1, color="C0", alpha=min(0.4, 0.1 * load), linewidth=0)
        axes.text(first.second + 0.5, 0.98, f"{load:g} x", transform=axes.get_xaxis_transform(), va="top")
    axes.set_title("From an event to a slate of its user that knows it, at times the capacity")
    axes.set_yscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel("milliseconds from when the event was due")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="lower right", frameon=False)
    _dress(axes)
    figure.savefig(path, dpi=DPI, metadata={"Date": None} if path.suffix == ".svg" else None)


def draw_rewards(curves: dict[str, list[float]], decisions: int, path: Path) -> None:
    """Draw the reward of slates over time for each policy of a simulation; the ranking black, the oracle dotted.

    Parameters
    ----------
    curves : mean reward per decision in windows of equal length, by policy
    decisions : of the whole run; tastes drift half way
    path : .png or .svg
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for n, (policy, values) in enumerate(curves.items()):
        ends = [decisions * (window + 1) / len(values) for window in range(len(values))]
        axes.plot(
            ends, values, label=policy, linewidth=2.0 if policy == "ranked" else 1.2,
            color="black" if policy in {"ranked", "oracle"} else f"C{n % DISTINCT}",
            linestyle=":" if policy == "oracle" else "-",
        )  # fmt: skip
    axes.axvline(decisions / 2, color="grey", linewidth=0.8, linestyle="--", label="tastes drift")
    axes.set_title("Expected reward of the slates, over time")
    axes.set_xlabel("decisions")
    axes.set_ylabel("expected reward per decision")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _dress(axes)
    figure.savefig(path, dpi=DPI, metadata={"Date": None} if path.suffix == ".svg" else None)


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"


def _dress(axes: Axes) -> None:
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
