"""What a machine is worth: every figure is measured, and its share of the reference has the right direction."""

import pytest

from stream.bench.calibration import AT_PAR, REFERENCE, Calibration, Speed, calibrate


def test_a_machine_is_measured() -> None:
    found = calibrate(rounds=2)
    assert all(0.01 < figure < 100.0 for figure in found[:3]), "within a hundred times of the reference"
    assert found[3:] == pytest.approx([share * there for share, there in zip(_shares(found), REFERENCE, strict=True)])


def _shares(found: Calibration) -> list[float]:
    return [here / there for here, there in zip(found[3:], REFERENCE, strict=True)]


def test_half_the_speed_is_half_the_share_and_half_the_reference_time() -> None:
    half = Calibration.of(Speed(*(0.5 * figure for figure in REFERENCE)))
    for kind in ("interpreter", "memory", "kernel", "mixed"):
        assert half.share(kind) == pytest.approx(0.5)


def test_memory_is_the_geometric_mean_of_reads_and_copy() -> None:
    found = Calibration.of(REFERENCE._replace(reads_m=4.0 * REFERENCE.reads_m))
    assert found.memory == pytest.approx(2.0)
    assert found.kernel == 1.0


def test_mixed_work_slows_down_by_what_is_slow() -> None:
    """A third of the reference's time four times slower: 2/3 + 4/3 = twice the time."""
    assert AT_PAR._replace(memory=0.25).share("mixed") == pytest.approx(0.5)


def test_it_is_said_in_one_line() -> None:
    said = str(AT_PAR._replace(interpreter=0.43, memory=0.6, kernel=0.5))
    assert said.startswith("this machine: interpreter 0.43, memory 0.60, kernel 0.50 of the reference (")
    assert "\n" not in said
