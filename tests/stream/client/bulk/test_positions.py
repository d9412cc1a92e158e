"""Position files."""

from pathlib import Path

import pytest

from stream.client.bulk.positions import ExportPosition, ImportPosition, read_position, write_position
from stream.errors import UsageError


def test_a_position_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "p"
    new = ImportPosition(kind="events", namespace="shop")
    assert read_position(path, new) is new
    assert read_position(None, new) is new
    written = ImportPosition(kind="events", namespace="shop", line=7, digest="d", after={"events.view": {0: 5}})
    write_position(path, written)
    assert read_position(path, new) == written
    assert [each.name for each in tmp_path.iterdir()] == ["p"]
    write_position(None, written)


def test_a_position_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p"
    write_position(path, ImportPosition(kind="events", namespace="shop"))
    with pytest.raises(UsageError, match="is of kind 'events'; got 'items'"):
        read_position(path, ImportPosition(kind="items", namespace="shop"))
    with pytest.raises(UsageError, match="is of namespace 'shop'; got ''"):
        read_position(path, ImportPosition(kind="events", namespace=""))
    with pytest.raises(UsageError, match="is not what headwater wrote for this command"):
        read_position(path, ExportPosition(kind="events", namespace="shop", file="f"))
    path.write_bytes(b"\xff{")
    with pytest.raises(UsageError, match="is not what headwater wrote"):
        read_position(path, ImportPosition(kind="events", namespace="shop"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_position(tmp_path, ImportPosition(kind="events", namespace="shop"))
