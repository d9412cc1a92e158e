"""The digest of a kernel's sources: of the files that its file imports, and of no others."""

from pathlib import Path

import pytest

from stream.kernels import sources


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    files = {
        "learners/__init__.py": "",
        "learners/a.py": "import numpy as np\nfrom learners.b import (\n    one,\n    two,\n)\n",
        "learners/b.py": "from learners.room import c\n",
        "learners/room/__init__.py": "",
        "learners/room/c.py": "from learners.a import what_comes_round\n",
        "learners/d.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fresh(path: Path) -> bytes:
    sources._read.cache_clear()
    sources._file.cache_clear()
    return sources.stamp(path)


@pytest.mark.parametrize("name", ["a.py", "b.py", "room/__init__.py", "room/c.py"])
def test_every_file_that_is_imported_counts(tree: Path, name: str) -> None:
    before = fresh(tree / "learners" / "a.py")
    path = tree / "learners" / name
    path.write_text(path.read_text() + "# changed\n")
    assert fresh(tree / "learners" / "a.py") != before


def test_no_other_file_counts_and_no_time(tree: Path) -> None:
    before = fresh(tree / "learners" / "a.py")
    (tree / "learners" / "d.py").write_text("# changed\n")
    (tree / "learners" / "a.py").touch()
    assert fresh(tree / "learners" / "a.py") == before
