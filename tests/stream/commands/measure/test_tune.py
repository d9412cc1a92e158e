"""`headwater tune` at a terminal."""

from pathlib import Path

import pytest

from stream import cli
from stream.config import Config, load
from tests.support.rated import write_rated_log


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)
    monkeypatch.delenv("HEADWATER_BROKER", raising=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rated_log(tmp_path_factory.mktemp("log"))


def test_a_search_writes_what_a_worker_reads(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tuned.toml"
    arguments = ["tune", str(log), "--trials", "3", "--prefix", "100", "--measure", "hit_rate@5", "--out", str(out)]
    assert cli.main(arguments) == 0
    assert "ranking.learning_rate" in capsys.readouterr().out
    assert isinstance(load(out, {}), Config)
    first = out.read_text()
    assert first.startswith("# headwater tune: hit_rate@5")
    assert cli.main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    out.unlink()
    assert cli.main(arguments) == 0
    assert out.read_text() == first, "seeded"
