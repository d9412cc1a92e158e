"""The guide's example as an installed distribution."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installed import LINE, NAME, PYTHON, install


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's example, installed."""
    install(tmp_path / "site", NAME, PYTHON[0], "headwater-last-followers", LINE.replace('"', ""))
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    for module in (NAME, "rogue"):
        sys.modules.pop(module, None)
