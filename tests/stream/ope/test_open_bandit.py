"""The Open Bandit Dataset: a small copy of its layout, and the published sample if it is there."""

from pathlib import Path

import pytest

from stream.errors import UsageError
from stream.ope.open_bandit import campaigns, compare


def test_open_bandit_files(tmp_path: Path) -> None:
    """Two items; the shop's policy shows the better one in 3 of 4 impressions."""
    lines = {"random": [(0, 0.5), (1, 0.5)], "bts": [(0, 0.75), (0, 0.75), (0, 0.75), (1, 0.25)]}
    for name, shown in lines.items():
        folder = tmp_path / name / "all"
        folder.mkdir(parents=True)
        rows = [
            f"{n},{item},{1 + n % 3},{int(item == 0 and n // 4 % 2)},{chance}"
            for n, (item, chance) in enumerate(shown * 200)
        ]
        (folder / "all.csv").write_text("\n".join([",item_id,position,click,propensity_score", *rows]))
    assert campaigns(tmp_path) == ["all"]
    found = compare(tmp_path, "all", clip=10.0, resamples=20, seed="t")["random to bts"]
    # Item 0 is clicked half of the time: 3/4 x 1/2, by weights of 3/2 for it and 1/2 for the other.
    assert found["truth"] == pytest.approx(0.375)
    for name in ("IPS", "SNIPS", "DR", "replay, favourite"):
        expected = 0.5 if name.startswith("replay") else 0.375
        assert found["estimates"][name]["value"] == pytest.approx(expected, abs=0.002), name
    assert found["effective"] == pytest.approx(400 / 1.25)
    (tmp_path / "bts" / "all" / "all.csv").unlink()
    with pytest.raises(UsageError, match=r"must hold random/CAMPAIGN/CAMPAIGN.csv"):
        campaigns(tmp_path)


def test_open_bandit_data() -> None:
    """The sample of the published logs: its click rates, and estimates that bracket them."""
    directory = Path(__file__).resolve().parents[4] / "shared" / "data" / "open-bandit"
    if not directory.exists():
        pytest.skip(f"needs the data for development: {directory} is absent")
    found = compare(directory, "all", clip=10.0, resamples=200, seed="t")
    assert found["random to bts"]["truth"] == pytest.approx(0.0042)
    assert found["bts to random"]["truth"] == pytest.approx(0.0038)
    for direction in found.values():
        for name in ("IPS", "SNIPS", "DR"):
            low, high = direction["estimates"][name]["interval"]
            assert low < direction["truth"] < high
