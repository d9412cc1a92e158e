"""The tables of an evaluation hold the numbers of its report."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from stream.config import Config
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.evaluation.tables import print_report
from stream.records.schemas import Event

ENTRIES: list[Entry] = [
    ("view", Event(event_id=f"e{n}", user_id=f"u{n % 5}", item_id=f"i{n * n % 7}", timestamp=1e9 + n))
    for n in range(60)
]


def printed(report: dict[str, Any]) -> str:
    out = StringIO()
    print_report(report, Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return Evaluation(Config(), Protocol((1, 3), by="session"), resamples=20).run(ENTRIES)


def cells(text: str, start: str) -> list[list[str]]:
    """The rows whose first cell is `start`."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    return [row for row in rows if row and row[0] == start]


def test_every_learner_and_length_has_a_row(report: dict[str, Any]) -> None:
    text = printed(report)
    assert text.startswith("60 events, ")
    for learner, scores in report["learners"].items():
        for k in (1, 3):
            ((_, *values),) = cells(text, f"{learner} @{k}")
            measures = ("hit_rate", "mrr", "ndcg", "precision")
            assert values == [f"{scores[f'{measure}@{k}']:.4f}" for measure in measures]


def test_an_interval_is_shown_as_half_of_its_width(report: dict[str, Any]) -> None:
    scores = report["learners"]["engine"]
    low, high = scores["intervals"]["mrr@3"]
    row = cells(printed(report), "engine")[0]
    assert row[2] == f"{scores['mrr@3']:.4f} ±{(high - low) / 2:.4f}"


def test_optional_tables_are_shown_only_if_the_report_has_them(report: dict[str, Any]) -> None:
    assert "rest of the session @3" in printed(report)
    by_user = report | {"protocol": report["protocol"] | {"by": "user"}}
    for title in ("rest of the session", "RMSE", "µs per learn"):
        assert title not in printed(by_user)
    timing = {"engine": {"query": {"calls": 3, "median_us": 12.34, "mean_us": 56.78}}}
    text = printed(by_user | {"ratings": {"biased_mf": {"rmse": 0.9876, "ratings": 1234}}, "timing": timing})
    assert cells(text, "biased_mf") == [["biased_mf", "0.9876", "1,234"]]
    assert cells(text, "engine")[-1] == ["engine", "", "", "12.3", "56.8"]
