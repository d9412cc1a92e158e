"""Lines of text out of bytes: what encoding and line ends a file has, and what is wrong with a single line."""

import codecs
import io
from collections.abc import Iterator
from typing import NamedTuple, cast

from stream.datasets.raw.unpack import DAMAGED, Bytes, pieces

MAX_LINE_BYTES = (
    1 << 20
)  # longer lines are mistakes: an event has 64 KiB at most, a session of thousands less than this
UTF8, CP1252 = "utf-8", "cp1252"
BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# What western European languages write beyond ASCII: bytes that may well be meant as cp1252.
LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôöøùúûüŒœŠšŽž€£°«»".encode(CP1252)) | set(
    range(0x91, 0x98)
)  # the last are quotation marks and dashes


HINT = "; is the whole file in another encoding, name it: --encoding cp1252"
FEW, RARE = 3, 0.02  # fewer such lines, and a smaller share of all, are broken lines of UTF-8


class Physical(NamedTuple):
    """One line of a file."""

    number: int  # from 1
    text: str  # with its line end
    fault: str = ""  # why it cannot be read

    @property
    def cut(self) -> bool:
        """True if the file ends within the line."""
        return not self.fault and not self.text.endswith("\n")


def encoding_of(sample: bytes) -> str:
    r"""Guess an encoding from a file's first bytes.

    UTF-8, unless no line with more than ASCII is valid UTF-8 and what is there looks like cp1252, of which Latin-1 is
    a part: one broken line among many does not make another encoding of the file.

    >>> encoding_of("u,café\n".encode("cp1252")), encoding_of("u,café\n".encode()), encoding_of(b"u,i\\xff\n")
    ('cp1252', 'utf-8', 'utf-8')
    >>> encoding_of("u,i\n".encode("utf-16")), encoding_of("u,i\n".encode("utf-16-be"))
    ('utf-16-le', 'utf-16-be')
    """
    for bom, name in BOMS.items():
        if sample.startswith(bom):
            return name
    half = len(sample) // 2
    if half:
        if sample[1::2].count(0) > 0.6 * half and sample[0::2].count(0) < 0.1 * half:
            return "utf-16-le"
        if sample[0::2].count(0) > 0.6 * half and sample[1::2].count(0) < 0.1 * half:
            return "utf-16-be"
    valid, invalid = 0, list[bytes]()
    for line in sample.splitlines()[:-1] or [sample]:  # the sample may end within a character
        if not line.isascii():
            try:
                line.decode(UTF8)
                valid += 1
            except UnicodeDecodeError:
                invalid.append(line)
    enough = len(invalid) >= FEW or len(invalid) >= RARE * (sample.count(b"\n") or sample.count(b"\r"))
    return CP1252 if invalid and enough and not valid and all(map(_western, invalid)) else UTF8


def _western(line: bytes) -> bool:
    """Letters of western Europe, none of them alone among signs."""
    high = [place for place, byte in enumerate(line) if byte > 127]
    return all(line[place] in LETTERS for place in high) and any(
        line[place - 1 : place].isalpha() or line[place + 1 : place + 2].isalpha() for place in high
    )


def lines(file: Bytes, encoding: str, sample: bytes) -> Iterator[Physical]:
    """Lines of a file, numbered; none is longer than `MAX_LINE_BYTES`.

    A line ends with a line feed, with or without a carriage return; in a file without line feeds, with a carriage
    return. What damaged bytes hide, up to the file's end, is one line with a fault.
    """
    file, encoding = _with_line_feeds(file, encoding, sample)
    number = 0
    while True:
        number += 1
        try:
            raw = file.readline(MAX_LINE_BYTES + 1)
            fault = ""
            if len(raw) > MAX_LINE_BYTES:
                size = len(raw)
                while not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE_BYTES)):
                    size += len(raw)
                fault, raw = f"a line must have at most {MAX_LINE_BYTES:,} bytes; got {size:,}", b"\n"
        except DAMAGED as error:
            yield Physical(number, "", f"the file cannot be read from here on; got {error}")
            return
        if not raw:
            return
        yield _decoded(number, raw, encoding, fault)


def _decoded(number: int, raw: bytes, encoding: str, fault: str) -> Physical:
    if not fault and b"\0" in raw:
        fault = f"must not hold a NUL byte; got one at byte {raw.index(0) + 1} of the line"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == CP1252:  # a few bytes are not in use there
            text = raw.decode("latin-1")
        else:
            what = f"0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
            text, fault = "", fault or f"must be {encoding.upper()}; got {what}{HINT}"
    return Physical(number, text.removeprefix("\ufeff"), fault)  # files that were put together have one in the middle


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        while not self.rest:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.rest = piece
        count = min(len(view), len(self.rest))
        view[:count], self.rest = self.rest[:count], self.rest[count:]
        return count


def _with_line_feeds(file: Bytes, encoding: str, sample: bytes) -> tuple[Bytes, str]:
    """The same text with one byte for a line end, which is a line feed."""
    wide = encoding.startswith("utf-16")
    narrow = sample.decode(encoding, "ignore").encode() if wide else sample
    only_returns = b"\r" in narrow and b"\n" not in narrow
    if not wide and not only_returns:
        return file, encoding
    return cast("Bytes", io.BufferedReader(_Stream(_converted(file, encoding if wide else "latin-1", only_returns)))), (
        UTF8 if wide else encoding
    )


def _converted(file: Bytes, encoding: str, returns: bool) -> Iterator[bytes]:
    """Bytes as they are, or UTF-16 as UTF-8; half a character stays invalid."""
    decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    if returns:
        decoder = cast("codecs.IncrementalDecoder", io.IncrementalNewlineDecoder(decoder, translate=True))
    out = UTF8 if encoding.startswith("utf-16") else encoding
    errors = "surrogatepass" if out == UTF8 else "strict"
    for piece in pieces(file):
        yield decoder.decode(piece).encode(out, errors)
    yield decoder.decode(b"").encode(out, errors)
