"""Who is right when the workers' models differ."""

import pytest

from stream.records.log import FingerprintReport
from stream.worker.fingerprints import OFFSETS, Comparison, FingerprintReports


def comparisons(*marks: str) -> list[Comparison]:
    """What worker `a` makes of marks such as `a=x` or, from the keeper, `b!x`."""
    known = FingerprintReports("a")
    return [known.add(FingerprintReport(1, "", mark[0], mark[1] == "!", 9, mark[2])) for mark in marks]


@pytest.mark.parametrize(
    ("marks", "last"),
    [
        (["b=x", "c=y"], "alone"),
        (["a=x"], "alone"),
        (["a=x", "b=x", "c=x"], "agreed"),
        (["b=x", "c=x", "a=y"], "wrong"),
        (["b=y", "c=x", "a=x"], "in the majority"),
        (["a=x", "b!y"], "wrong"),
        (["a!y", "b=x"], "in the majority"),
        (["a!y", "b=x", "c=x"], "wrong"),
        (["a=x", "a=x"], "alone"),
    ],
)
def test_the_majority_is_right_and_among_equals_the_keeper(marks: list[str], last: Comparison) -> None:
    assert comparisons(*marks)[-1] == last


def test_offsets_are_compared_separately_and_few_are_kept() -> None:
    known = FingerprintReports("a")
    for offset in range(OFFSETS + 1):
        known.add(FingerprintReport(1, "", "a", False, offset, "x"))
    assert known.add(FingerprintReport(1, "", "b", False, OFFSETS, "y")) in ("wrong", "in the majority")
    assert known.add(FingerprintReport(1, "", "b", False, 0, "y")) == "alone"
