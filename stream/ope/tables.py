"""Off-policy estimates as tables."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

PARTS = {"slates": "whole slates, reward per decision", "first_slot": "first slot alone, reward per decision"}


def print_estimates(report: Mapping[str, Any], console: Console) -> None:
    """Print one table for each part of the report, then warnings."""
    for part, title in PARTS.items():
        logged = report["logged"][part]
        table = Table(title=f"{title}; logged: {logged['value']:.4f}{_interval(logged)}")
        for column in ("candidate", "estimator", "value", "95 %", "against logged", "rests on"):
            table.add_column(column, no_wrap=column in {"value", "rests on"})
        for name, found in report["candidates"].items():
            for estimator, estimate in found[part].items():
                table.add_row(name, estimator, *_cells(estimate))
                name = ""
            table.add_section()
        console.print(table)
    counts = f"{report['decisions']:,} decisions of {report['users']:,} users"
    left_out = ", ".join(f"{count:,} {why}" for why, count in report["left_out"].items())
    console.print(counts + (f"; left out: {left_out}" if left_out else ""))
    _print_warnings(report, console)


def _cells(estimate: Mapping[str, Any]) -> tuple[str, str, str, str]:
    difference = estimate.get("difference")
    against = "" if difference is None else f"{difference[0]:+.4f} ({difference[1]:+.4f} to {difference[2]:+.4f})"
    mark = " !" if estimate["warning"] else ""
    bernstein = estimate.get("bernstein")
    bounds = _interval(estimate).strip(" ()")
    if bernstein is not None:
        bounds += f"\nBernstein {bernstein[0]:.4f} to {bernstein[1]:.4f}"
    return f"{estimate['value']:.4f}", bounds, against, f"{estimate['effective_decisions']:,.0f}{mark}"


def _interval(found: Mapping[str, Any]) -> str:
    bounds = found.get("interval")
    return "" if bounds is None else f" ({bounds[0]:.4f} to {bounds[1]:.4f})"


def _print_warnings(report: Mapping[str, Any], console: Console) -> None:
    for name, parts in report["candidates"].items():
        for part, found in parts.items():
            warned = {estimate["warning"]: estimator for estimator, estimate in found.items() if estimate["warning"]}
            for warning, estimator in warned.items():
                console.print(f"! {name}, {part.replace('_', ' ')}, {estimator}: {warning}", style="yellow")


def print_open_bandit(report: Mapping[str, Any], console: Console) -> None:
    """Print one table for each campaign and direction."""
    for campaign, directions in report.items():
        for direction, found in directions.items():
            low, high = found["truth_interval"]
            title = f"{campaign}, {direction}; click rate there {_percent(found['truth'])} % ({_percent(low)}"
            table = Table(title=f"{title} to {_percent(high)})")
            for column in ("estimator", "%", "95 %", "off by", "resampled"):
                table.add_column(column, no_wrap=True)
            for name, estimate in found["estimates"].items():
                bounds, errors = estimate["interval"], estimate["relative_error_resampled"]
                table.add_row(
                    name, _percent(estimate["value"]), " to ".join(_percent(bound) for bound in bounds),
                    f"{estimate['relative_error']:.3f}", f"{errors[0]:.3f} ±{errors[1]:.3f}",
                )  # fmt: skip
            table.caption = f"{found['effective']:,.0f} effective of {found['impressions']:,} impressions"
            console.print(table)
            if found["warning"]:
                console.print(f"! {found['warning']}", style="yellow")


def _percent(rate: float) -> str:
    return f"{100 * rate:.3f}"
