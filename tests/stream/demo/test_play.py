"""The demo on a real Kafka: slates come back, figures are shown, nothing is left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.config import Config
from stream.demo.figures import shares, summary
from stream.demo.play import Frame, run

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("needs_kafka")]
USERS, FILMS, RATINGS = 80, 60, 40


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Directory for all temporary files of this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    monkeypatch.setattr(tempfile, "tempdir", None)


def processes(marker: str) -> list[int]:
    """Ids of all processes that have this text in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it ended, or is not ours
            continue
    return [pid for pid in found if pid != os.getpid()]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("kafka", ["Apache Kafka", "a mock of Kafka"])
def test_the_demo_learns_which_film_follows(
    kafka: str, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users start anywhere, but film n + 1 always follows film n: that can be learned, and popularity knows nothing."""
    marker = f"club-{tmp_path}"
    monkeypatch.setenv("HEADWATER_POLICY_SEED", marker)
    titles = "".join(f"{n},Film {n},Drama\n" for n in range(FILMS))
    (tmp_path / "movies.csv").write_text(f"movieId,title,genres\n{titles}")
    ratings = "".join(
        f"{user},{(7 * user + n) % FILMS},{4.5 if n % 2 else 3.0},{1_000_000_000 + 10_000 * user + n}\n"
        for user in range(USERS)
        for n in range(RATINGS)
    )
    (tmp_path / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{ratings}")
    if kafka != "Apache Kafka":
        monkeypatch.setattr("stream.demo.play.kafka_available", lambda: "this test asks for the mock")
    frames: list[Frame] = []
    told: list[str] = []
    last = run(Config(), 10.0, 200.0, frames.append, told.append, tmp_path)
    assert told[0].startswith(
        "starting Apache Kafka on this machine"
        if kafka == "Apache Kafka"
        else "no real Kafka here: this test asks for the mock. librdkafka's mock cluster stands in"
    )
    assert told[1] == "sending 60 films to the catalogue, starting a worker"
    console = [f"open {last.console} in a browser and be a shopper yourself"] if kafka == "Apache Kafka" else []
    assert told[2:] == console
    assert bool(last.console) == bool(console)
    assert {frame.kafka for frame in frames} == {kafka}
    assert "live" in {frame.phase for frame in frames}
    score = last.score
    assert score.events >= 300
    assert score.slates > 0.2 * score.events  # a busy machine leaves many events in one poll, and one slate to a user
    assert 0.0 < min(score.latencies) < 5.0
    assert score.hit_rate > score.popular_hit_rate
    assert last.titles["7"] == "Film 7"
    assert sum(each.share for each in shares(last)) == pytest.approx(1.0)
    assert summary(last).row_count == 8
    assert processes(marker) == []
    assert [
        path.name for path in temporary.iterdir() if path.name.startswith(("headwater-demo", "headwater-kafka"))
    ] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_early_end_leaves_nothing_behind(tmp_path: Path, temporary: Path, number: signal.Signals, code: int) -> None:
    marker = f"early-{tmp_path}"
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands down that it is ignored
    environment = os.environ | {"HEADWATER_POLICY_SEED": marker}
    with subprocess.Popen(
        [sys.executable, "-m", "stream.cli", "demo", "--plain", "--seconds", "60"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as demo:  # fmt: skip
        assert demo.stdout is not None
        try:
            lines = iter(demo.stdout.readline, "")
            assert any(line.startswith("sending 9,742 films") for line in lines)
            assert within(20, lambda: len(processes(marker)) >= 2)
            demo.send_signal(number)
            _, errors = demo.communicate(timeout=30)
        finally:
            demo.kill()
    assert demo.returncode == code
    assert errors == ("" if number == signal.SIGTERM else "\nheadwater: ended by Ctrl-C\n")
    assert within(5, lambda: processes(marker) == [])
    assert [
        path.name for path in temporary.iterdir() if path.name.startswith(("headwater-demo", "headwater-kafka"))
    ] == []
