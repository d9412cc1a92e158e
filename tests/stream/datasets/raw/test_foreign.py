"""Files of other programs are named, with what to do, and archives of one file are opened."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from stream.datasets.raw.foreign import FOREIGN
from stream.datasets.readers import FormatError, LeftOut, read

CSV = b"user_id,item_id,timestamp\nu,i,1700000000\nu,j,1700000001\n"


@pytest.mark.parametrize("head", FOREIGN, ids=lambda head: FOREIGN[head][0])
def test_a_file_of_another_program_is_named(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(head.upper() + b" and more\n" if head.startswith(b"<!") else head + b" and more\n" * 9)
    what, do = FOREIGN[head]
    with pytest.raises(FormatError) as caught:
        list(read(path, on_bad=LeftOut()))
    assert str(caught.value) == f"{path}: is {what}, which is not read: {do.replace('FILE', str(path))}"


def test_a_workbook_and_an_empty_zip_are_named(tmp_path: Path) -> None:
    for names, says in (
        (("[Content_Types].xml", "xl/workbook.xml"), "perhaps an Excel workbook: save it there as CSV UTF-8"),
        ((), "a zip must hold one file of events; got 0"),
    ):
        path = tmp_path / "log"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"<x/>")
        with pytest.raises(FormatError, match=says):
            list(read(path))


def tarred(names: Iterable[str]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name in names:
            info = tarfile.TarInfo(f"data/{name}")
            info.size = len(CSV)
            archive.addfile(info, io.BytesIO(CSV))
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_of_one_log_is_read(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "log"
    for names in (("log.csv",), ("._log.csv", "README.md", "log.csv", "Thumbs.db")):
        data = tarred(names)
        path.write_bytes(gzip.compress(data) if packed else data)
        assert len(list(read(path))) == 2
    path.write_bytes(tarred(["a.csv", "b.csv"]))
    with pytest.raises(
        FormatError, match=r"a tar must hold one file of events; got 2: data/a.csv, data/b.csv; .* tar xf"
    ):
        list(read(path))


def test_a_tar_that_was_cut_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for data in (gzip.compress(tarred(["log.csv"]))[:-30], tarred(["log.csv"])[:1050]):
        path.write_bytes(data)
        with pytest.raises(FormatError, match="cannot be read"):
            list(read(path, on_bad=LeftOut()))
