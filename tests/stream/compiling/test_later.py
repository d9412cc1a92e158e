"""A worker serves before all kernels are compiled; what experiments may need comes later, and is waited for."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from stream.compiling import children, record
from stream.compiling.later import Later
from stream.config import Config
from stream.kernels.place import FOLDER, LOCATORS, kept_in
from stream.processes.supervisor import Supervised

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import json, sys
sys.stdin.readline()
print(json.dumps({{"used": [{used!r}]}}), flush=True)
sys.exit({code})
"""


class Compiler:
    """Stands for children: each says what one that compiles says, when it is told to end."""

    def __init__(self, folder: Path, code: int = 0) -> None:
        self.index = kept_in(ROOT / "learners" / "arrays", str(folder)) / "one.nbi"
        self.index.parent.mkdir(exist_ok=True)
        self.index.touch()
        self.code = code
        self.begun: list[tuple[str, ...]] = []
        self.running: list[Supervised] = []

    def __call__(self, _: Config, *words: str) -> Supervised:
        self.begun.append(words)
        code = CHILD.format(used=str(self.index), code=self.code)
        self.running.append(Supervised([sys.executable, "-c", code], subprocess.DEVNULL))
        return self.running[-1]

    async def end(self) -> None:
        """Let those that run end, as soon as one has begun."""
        while not self.running:
            await asyncio.sleep(0.01)
        for child in self.running:
            if not child.ended:
                child._stdin.write(b"end\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kernels are kept, still empty."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.delenv(LOCATORS, raising=False)
    return tmp_path


def test_one_child_beside_compiles_what_is_missing_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler(folder)
    monkeypatch.setattr(children, "_child", compiler)

    async def serve() -> None:
        later = Later(Config())
        later.start()
        await asyncio.sleep(0.3)
        before = later.there
        await compiler.end()
        async with asyncio.timeout(60.0):
            while not later.there:
                await asyncio.sleep(0.01)
        assert not before
        again = Later(Config())
        again.start()
        assert again.there

    asyncio.run(serve())
    assert compiler.begun == [("slates", "whole", "beside")]
    assert record.complete(record.key(Config(), whole=True))
    assert not record.complete(record.key(Config(), whole=False))


def test_who_waits_makes_it_urgent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a child of the lowest priority would never end: others take over."""
    compiler = Compiler(folder)
    monkeypatch.setattr(children, "_child", compiler)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})

    async def serve() -> None:
        later = Later(Config())
        later.start()
        while not compiler.running:
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(later.wait())
        while len(compiler.running) < 3:
            await asyncio.sleep(0.01)
        assert compiler.running[0].ended
        await compiler.end()
        await asyncio.wait_for(waiting, 60.0)

    asyncio.run(serve())
    assert compiler.begun == [("slates", "whole", "beside"), ("slates", "whole"), ("learning", "whole")]
    assert record.complete(record.key(Config(), whole=True))


def test_where_nothing_can_be_written_all_was_compiled_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(folder)
    monkeypatch.setattr(children, "_child", compiler)
    monkeypatch.setenv(LOCATORS, "stream.kernels.in_place.InPlace")

    async def serve() -> bool:
        later = Later(Config())
        later.start()
        return later.there

    assert asyncio.run(serve())
    assert compiler.begun == []


def test_nobody_waits_for_ever_when_it_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = Compiler(folder, code=9)
    monkeypatch.setattr(children, "_child", compiler)

    async def serve() -> None:
        later = Later(Config())
        later.start()
        await compiler.end()
        async with asyncio.timeout(60.0):
            while not later.there:
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        asyncio.run(serve())
    assert "exit code 0; got [9]" in caplog.text
