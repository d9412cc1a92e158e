"""The report of an evaluation as tables on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

MEASURES = ("hit_rate", "mrr", "ndcg", "precision")
REST = ("rest_precision", "rest_recall", "rest_f1", "rest_map", "rest_map_published")
LISTS = ("coverage", "gini", "average_popularity", "novelty", "diversity", "reward_per_step")
PARTS = ("new", "seen")  # items to the user


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print what fits a terminal; the JSON has the rest."""
    ks = list(report["protocol"]["ks"])
    console.print(
        f"{report['events']:,} events, {report['steps']:,} measured steps, {report['known_items']:,} items; "
        f"{report['lists']} lists, {report['mean_list_age_s']:,.0f} s old on average, policy {report['policy']}"
    )
    console.print(_accuracy(report, ks))
    console.print(_longest(report, ks[-1]))
    if report["protocol"]["by"] == "session":
        console.print(_table(f"rest of the session @{ks[-1]}", report, [f"{name}@{ks[-1]}" for name in REST]))
    console.print(_table(f"lists @{ks[-1]}", report, LISTS))
    console.print(_sources(report))
    console.print(_comparisons(report))
    console.print(_heads(report))
    if "reranked" in report:
        console.print(_reranked(report["reranked"]))
    if "ratings" in report:
        console.print(_ratings(report))
    if "timing" in report:
        console.print(_timing(report))


def _accuracy(report: Mapping[str, Any], ks: list[int]) -> Table:
    table = _columns("next item", *(_title(measure) for measure in MEASURES))
    for k in ks:
        for learner, scores in report["learners"].items():
            table.add_row(f"{learner} @{k}", *(f"{scores[f'{measure}@{k}']:.4f}" for measure in MEASURES))
        table.add_section()
    return table


def _longest(report: Mapping[str, Any], k: int) -> Table:
    """The longest lists: with intervals, and by whether the user knew the item."""
    table = _columns(f"@{k}", "hit rate", "mrr", *(f"{part}: {title}" for part in PARTS for title in ("hits", "mrr")))
    for learner, scores in report["learners"].items():
        parts = (scores[part][f"{measure}@{k}"] for part in PARTS for measure in ("hit_rate", "mrr"))
        whole = (_value(scores, f"{measure}@{k}") for measure in ("hit_rate", "mrr"))
        table.add_row(learner, *whole, *(f"{value:.4f}" for value in parts))
    return table


def _columns(first: str, *others: str) -> Table:
    """A table whose rows have names that are never cut."""
    table = Table()
    table.add_column(first, no_wrap=True)
    for other in others:
        table.add_column(other)
    return table


def _title(measure: str) -> str:
    return measure.split("@", maxsplit=1)[0].replace("_", " ")


def _value(scores: Mapping[str, Any], measure: str) -> str:
    """A mean, and half the width of its interval."""
    bounds = scores.get("intervals", {}).get(measure)
    text = f"{scores[measure]:.4f}"
    return text if bounds is None else f"{text} ±{(bounds[1] - bounds[0]) / 2:.4f}"


def _table(title: str, report: Mapping[str, Any], measures: Iterable[str]) -> Table:
    any_scores = next(iter(report["learners"].values()))
    known = [measure for measure in measures if measure in any_scores]
    table = _columns(title, *(_title(measure) for measure in known))
    for learner, scores in report["learners"].items():
        table.add_row(learner, *(f"{scores[measure]:.4f}" for measure in known))
    return table


def _sources(report: Mapping[str, Any]) -> Table:
    table = _columns("source", "share of slots", "hit rate of its slots")
    for source, values in report["sources"].items():
        table.add_row(source, f"{values['share']:.4f}", f"{values['hit_rate']:.4f}")
    return table


def _comparisons(report: Mapping[str, Any]) -> Table:
    table = _columns("difference, 95 %", "hit rate", "mrr", "hits of one only", "p")
    for pair in report["comparisons"]:
        test, differences, k = pair["mcnemar"], pair["differences"], pair["k"]
        table.add_row(
            f"{pair['first']}\n- {pair['second']} @{k}",
            *(_difference(differences.get(f"{measure}@{k}")) for measure in ("hit_rate", "mrr")),
            f"{test['only_first']} : {test['only_second']}",
            f"{test['p_value']:.2g}",
        )
    table.caption = "p: McNemar's test on hits"
    return table


def _difference(found: list[float] | None) -> str:
    if found is None:
        return ""
    return f"{found[0]:+.4f}\n{found[1]:+.4f} to {found[2]:+.4f}"


def _heads(report: Mapping[str, Any]) -> Table:
    """Each head's loss and calibration."""
    heads = report["heads"]
    table = _columns("P(event), predicted", *(f"{name}: {what}" for name in heads for what in ("observed", "of")))
    for bins in zip(*(head["reliability"] for head in heads.values()), strict=True):
        if any(found["candidates"] for found in bins):
            cells = (cell for found in bins for cell in _observed(found))
            table.add_row(f"{bins[0]['low']:.1f} to {bins[0]['high']:.1f}", *cells)
    losses = (f"{name}: log-loss {head['log_loss']:.4f}, AUC {head['auc']:.4f}" for name, head in heads.items())
    table.caption = "; ".join(losses)
    return table


def _observed(found: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{found['observed']:.4f}", f"{found['candidates']:,}") if found["candidates"] else ("", "")


def _reranked(found: Mapping[str, Any]) -> Table:
    """Where the item taken stood among others, and where the ranking put it."""
    table = _columns(f"among {found['of']} {found['among']} items", "mean rank", "mrr")
    for when in ("before", "after"):
        table.add_row(when, f"{found[when].get('mean_rank', 0):.2f}", f"{found[when].get('mrr', 0):.4f}")
    table.caption = f"{found['lists']:,} lists"
    return table


def _ratings(report: Mapping[str, Any]) -> Table:
    table = _columns("ratings", "RMSE", "of")
    for name, found in report["ratings"].items():
        table.add_row(name, f"{found['rmse']:.4f}", f"{found['ratings']:,}")
    return table


def _timing(report: Mapping[str, Any]) -> Table:
    table = _columns("time", "µs per learn, median", "mean", "µs per query, median", "mean")
    for name, found in report["timing"].items():
        cells = (
            f"{found[verb][value]:.1f}" if verb in found else ""
            for verb in ("learn", "query") for value in ("median_us", "mean_us")
        )  # fmt: skip
        table.add_row(name, *cells)
    return table
