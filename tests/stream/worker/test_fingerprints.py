"""Who is right when the workers' models differ."""

import pytest

from stream.records.log import FingerprintReport
from stream.worker.fingerprints import OFFSETS, Comparison, FingerprintReports


def comparisons(*reports: str) -> list[Comparison]:
    """How worker `a` compares after reports such as `a=x`; `b!x` is from the worker that stores the model."""
    known = FingerprintReports("a")
    return [known.add(FingerprintReport(1, "", each[0], each[1] == "!", 9, each[2])) for each in reports]


@pytest.mark.parametrize(
    ("reports", "last"),
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
def test_the_majority_is_right_and_among_equals_who_stores_the_model(reports: list[str], last: Comparison) -> None:
    assert comparisons(*reports)[-1] == last


def test_offsets_are_compared_separately_and_few_are_kept() -> None:
    known = FingerprintReports("a")
    for offset in range(OFFSETS + 1):
        known.add(FingerprintReport(1, "", "a", False, offset, "x"))
    assert known.add(FingerprintReport(1, "", "b", False, OFFSETS, "y")) in ("wrong", "in the majority")
    assert known.add(FingerprintReport(1, "", "b", False, 0, "y")) == "alone"
