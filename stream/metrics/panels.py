"""Panels of a dashboard, and the PromQL that they are made of."""

from collections.abc import Sequence
from typing import NamedTuple

RATE = "$__rate_interval"


class Panel(NamedTuple):
    """One chart."""

    title: str
    says: str  # what it shows, and how to read it
    unit: str  # of Grafana: s, reqps, percentunit, bytes, short, ...
    queries: dict[str, str]  # legend -> PromQL
    bad_from: float | None = None  # red from this value on


class Board(NamedTuple):
    """One dashboard."""

    uid: str
    title: str
    says: str
    panels: Sequence[Panel]


def rate(counter: str, by: str = "") -> str:
    """Per second, summed over workers.

    >>> rate("headwater_events_total", "type")
    'sum by (type) (rate(headwater_events_total[$__rate_interval]))'
    """
    return f"sum by ({by}) (rate({counter}[{RATE}]))" if by else f"sum(rate({counter}[{RATE}]))"


def slowly(counter: str) -> str:
    """Per second over the last ten minutes, summed over workers."""
    return f"sum(rate({counter}[10m]))"


def quantile(share: float, histogram: str) -> str:
    """Of a histogram, over all workers."""
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', 'le')})"


def quantiles(histogram: str) -> dict[str, str]:
    """Median and 99th percentile."""
    return {"half within": quantile(0.5, histogram), "99 % within": quantile(0.99, histogram)}
