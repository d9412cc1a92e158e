"""The record of compiled kernels holds for some sources, a processor and settings, while they are there."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stream.compiling import record
from stream.config import Config, Placement
from stream.kernels.place import FOLDER, RECORD, kept_in

ROOT = Path(__file__).resolve().parents[3]
KEY = "import stream.compiling.record as r; from stream.config import Config; print(r.key(Config(), whole=True))"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index of a kernel, in a folder of its own for all of them."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    path = kept_in(ROOT / "learners" / "arrays", str(tmp_path)) / "one.nbi"
    path.parent.mkdir()
    path.touch()
    return path


def test_it_holds_until_a_kernel_is_gone(kernel: Path) -> None:
    assert not record.complete("key")
    record.write("key", {kernel})
    assert record.complete("key")
    assert not record.complete("another key")
    kernel.unlink()
    assert not record.complete("key")


def test_it_holds_where_the_kernels_are_copied_to(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.write("key", {kernel})
    moved = tmp_path / "moved"
    for path in (kernel, kept_in(ROOT / "stream" / "kernels", str(tmp_path)) / RECORD):
        (moved / path.parent.name).mkdir(parents=True)
        path.rename(moved / path.parent.name / path.name)
    assert not record.complete("key")
    monkeypatch.setenv(FOLDER, str(moved))
    assert record.complete("key")


def test_a_record_that_cannot_be_read_is_none(kernel: Path, tmp_path: Path) -> None:
    record.write("key", {kernel})
    (kept_in(ROOT / "stream" / "kernels", str(tmp_path)) / RECORD).write_text("[")
    assert not record.complete("key")


def test_the_newest_are_kept(kernel: Path) -> None:
    for n in range(record.KEPT + 1):
        record.write(f"key {n}", {kernel})
    assert not record.complete("key 0")
    assert record.complete("key 1")
    assert record.complete(f"key {record.KEPT}")


def test_no_kernels_are_no_record(kernel: Path) -> None:
    record.write("key", {Path("/elsewhere/one.nbi")})
    assert not record.complete("key")


def test_another_processor_has_another_key() -> None:
    """numba takes the name for the processor's own, so that is what a record of another machine looks like."""
    keys = {
        subprocess.run(
            [sys.executable, "-c", KEY], cwd=ROOT, env={**os.environ, **processor}, capture_output=True, check=True
        ).stdout
        for processor in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, {"NUMBA_CPU_FEATURES": "-avx2"})
    }
    assert len(keys) == 3


def test_settings_that_make_other_kernels_have_another_key_and_no_secret_counts() -> None:
    def with_(section: str, **changed: object) -> Config:
        part = msgspec.structs.replace(getattr(Config(), section), **changed)
        return msgspec.structs.replace(Config(), **{section: part})

    def key(config: Config) -> str:
        return record.key(config, whole=False)

    assert key(Config()) != record.key(Config(), whole=True)
    assert key(Config()) != key(with_("policy", name="sarsa"))
    assert key(Config()) != key(with_("slate", exclude_bought=True))
    assert key(Config()) != key(with_("policy", discount=0.5)), "it has none by default, and learns otherwise with one"
    assert key(Config()) == key(with_("policy", seed="another", epsilon=0.0))
    assert key(Config()) == key(with_("slate", wait_ms=0.0, slots=5))
    assert key(Config()) == key(with_("kafka", broker="kafka:9092", sasl_password="x"))
    assert record.model_settings(with_("worker", token="x")).worker.token == ""


def test_one_process_at_a_time_compiles_for_experiments(kernel: Path) -> None:
    code = "import stream.compiling.record as r\nwith r.turn(lambda: False): print('mine', flush=True)"
    with record.turn(lambda: False):
        other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(3.0)
        hurried = subprocess.run(
            [sys.executable, "-c", code.replace("False", "True")], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert hurried.stdout == "mine\n"
    assert other.communicate(timeout=60.0)[0] == "mine\n"


def test_placements_are_compiled_for_too() -> None:
    def key(**settings: object) -> str:
        placed = Config(placements={"cart": msgspec.convert(settings, Placement)})
        assert record.model_settings(placed).placements == placed.placements
        return record.key(placed, whole=False)

    plain = key(slots=3, push=True)
    assert plain == key(slots=5)
    assert len({plain, key(policy="sarsa"), key(purchase_weight=2.0), record.key(Config(), whole=False)}) == 4
