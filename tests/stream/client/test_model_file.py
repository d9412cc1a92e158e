"""A model in a file: what is written is read, and other files are refused."""

from pathlib import Path

import msgspec
import pytest

from stream.client.model_file import MAGIC, ModelFile, read, write
from stream.config import Config
from stream.errors import UsageError
from stream.model.fold import Model


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, copy = tmp_path / "model", Model(Config()).copy()
    write(path, copy)
    assert read(path).fingerprint() == copy.fingerprint()
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x00", "must be a file of `headwater model save`"),
        (msgspec.msgpack.encode(ModelFile("another", 1, [])), "must be a model of version"),
        (msgspec.msgpack.encode(ModelFile(MAGIC, 99, [])), "of version 99"),
    ],
    ids=["bytes", "magic", "version"],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(UsageError, match=words):
        read(tmp_path / "model")


def test_paths_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing: cannot be read: No such file"):
        read(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"model: cannot be written: No such file"):
        write(tmp_path / "missing" / "model", Model(Config()).copy())
