"""The bytes of a file as they were before they were packed, by what the file holds, whatever its name says."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import zstandard

from stream.datasets.raw.bad import FormatError

SAMPLE_BYTES = 1 << 18  # enough to tell separator, encoding, header and unit of time
DEEPEST = 4  # a gzip within a zip, and so on
ASIDE = (".md", ".pdf", ".html", ".png")  # what a zip may hold beside its data, with a README and a licence
# What reading packed bytes raises if they are damaged, or end too early.
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard.ZstdError, tarfile.TarError)
PARQUET = b"PAR1"

Bytes = IO[bytes]


@contextmanager
def opened(path: Path) -> Iterator[Bytes]:
    """Unpacked bytes of a file; every error of reading becomes a FormatError."""
    if path.is_dir():
        raise FormatError(f"{path}: is a folder; name a file in it{_inside(path)}")
    if path.exists() and not path.is_file():
        raise FormatError(f"{path}: must be a file, since it is read more than once; write it to one first")
    try:
        with path.open("rb") as file:
            yield unpacked(file, path)
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file") from error
    except DAMAGED as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error


def sample(path: Path) -> bytes:
    """The first bytes of a file, unpacked; what is there before the damage if it is damaged."""
    with opened(path) as file:
        found = b""
        try:
            for piece in pieces(file):
                found += piece
                if len(found) >= SAMPLE_BYTES:
                    break
        except DAMAGED:
            if not found:
                raise
    return found[:SAMPLE_BYTES]


def pieces(file: Bytes) -> Iterator[bytes]:
    """The bytes of a file piece by piece; all that lie before the damage if it is damaged."""
    while piece := cast("io.BufferedReader", file).read1(1 << 16):
        yield piece


class _Unpacked(io.RawIOBase):
    """What a packing holds, as it comes: readers of `gzip` and others throw away what they have when they raise."""

    def __init__(self, packing: object) -> None:
        self._packing = cast("io.BufferedReader", packing)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        piece = self._packing.read1(len(view))
        view[: len(piece)] = piece
        return len(piece)


def unpacked(file: Bytes, path: Path) -> Bytes:
    """Take off one packing after the other."""
    for _ in range(DEEPEST):
        buffered = cast("io.BufferedReader", file)
        head = buffered.peek(512)[:512]
        unpack = next((unpack for magic, unpack in PACKINGS.items() if head.startswith(magic)), None)
        if head[257:262] == b"ustar":
            unpack = _tar
        if unpack is None:
            return file
        file = cast("Bytes", io.BufferedReader(_Unpacked(unpack(file, path)), 1 << 16))
    raise FormatError(f"{path}: is packed more than {DEEPEST} times; unpack it first")


class _Zstd:
    """Frames of zstd, one after the other; the library's own reader takes a file that was cut for one that ends."""

    def __init__(self, file: Bytes) -> None:
        self._file, self._frame, self._rest = file, zstandard.ZstdDecompressor().decompressobj(), b""
        self._within = False  # a frame
        self._damage: zstandard.ZstdError | None = None  # behind what is at rest

    def read1(self, size: int) -> bytes:
        """Unpacked bytes, at most `size`; none at the end."""
        while not self._rest:
            if self._damage is not None:
                raise self._damage
            packed = self._file.read(1 << 15)
            if not packed and self._within:
                raise EOFError("Compressed file ended before the end of a zstd frame")
            if not packed:
                return b""
            found = []
            while packed:
                self._within = True
                try:
                    found.append(self._frame.decompress(packed))
                except zstandard.ZstdError as error:
                    self._damage = error
                    break
                packed = b""
                if self._frame.eof:
                    packed, self._within = self._frame.unused_data, False
                    self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._rest = b"".join(found)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def _gzip(file: Bytes, _: Path) -> object:
    return gzip.GzipFile(fileobj=file)


def _bz2(file: Bytes, _: Path) -> object:
    return bz2.BZ2File(file)


def _xz(file: Bytes, _: Path) -> object:
    return lzma.LZMAFile(file)


def _zstd(file: Bytes, _: Path) -> object:
    return _Zstd(file)


def _zip(file: Bytes, path: Path) -> object:
    seekable = file if file.seekable() else io.BytesIO(file.read())
    archive = zipfile.ZipFile(seekable)
    if "[Content_Types].xml" in archive.namelist():
        raise FormatError(f"{path}: is a document of Office, perhaps an Excel workbook: save it there as CSV UTF-8")
    name = _only(archive.namelist(), path, "zip", "unzip")
    try:
        return archive.open(name)
    except (RuntimeError, NotImplementedError) as error:  # a password; a method that Python does not know
        raise FormatError(f"{path}: cannot be unpacked: {error}; unpack it first") from error


def _tar(file: Bytes, path: Path) -> object:
    archive = tarfile.TarFile(fileobj=file if file.seekable() else io.BytesIO(b"".join(pieces(file))))
    return archive.extractfile(_only([each.name for each in archive if each.isfile()], path, "tar", "tar xf"))


def _only(names: list[str], path: Path, what: str, command: str) -> str:
    """The file of events in an archive."""
    names = [name for name in names if not name.endswith("/") and not _hidden(name)]
    data = [name for name in names if not _aside(name)]
    chosen = data if len(data) == 1 else names
    if len(chosen) != 1:
        raise FormatError(
            f"{path}: a {what} must hold one file of events; got {len(data)}: {', '.join(data[:8])}; "
            f"unpack it and name one: {command} {path}"
        )
    return chosen[0]


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _aside(name: str) -> bool:
    last = name.rsplit("/", 1)[-1].casefold()
    return last.startswith(("readme", "license", "licence", "thumbs.db", "desktop.ini")) or last.endswith(ASIDE)


def _inside(path: Path) -> str:
    names = sorted(each.name for each in path.iterdir() if each.is_file())
    return f": {', '.join(names[:8])}" if names else ", if there were any: it is empty"


PACKINGS: dict[bytes, Callable[[Bytes, Path], object]] = {
    b"\x1f\x8b": _gzip,
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,  # one with nothing in it
    b"\x28\xb5\x2f\xfd": _zstd,
    b"BZh": _bz2,
    b"\xfd7zXZ": _xz,
}
