"""Files of other programs, known by their first bytes: what they are, and how to make of them a file that is read."""

from pathlib import Path

from stream.datasets.raw.bad import FormatError

_TO_CSV = "export it as CSV"
_UNPACK = "unpack it first"
FOREIGN: dict[bytes, tuple[str, str]] = {  # first bytes -> what it is, what to do
    b"SQLite format 3\0": ("a database of SQLite", "sqlite3 -header -csv FILE 'select * from TABLE' > events.csv"),
    b"\xd0\xcf\x11\xe0": ("a document of Office, perhaps an Excel workbook", "save it there as CSV UTF-8"),
    b"%PDF": ("a PDF", _TO_CSV),
    b"\x80\x02": ("a pickle of Python, which would run code if it were read", _TO_CSV),
    b"\x80\x03": ("a pickle of Python, which would run code if it were read", _TO_CSV),
    b"\x80\x04": ("a pickle of Python, which would run code if it were read", _TO_CSV),
    b"\x80\x05": ("a pickle of Python, which would run code if it were read", _TO_CSV),
    b"\x93NUMPY": ("an array of NumPy", _TO_CSV),
    b"\x89HDF": ("HDF5", _TO_CSV),
    b"ARROW1": ("Arrow or Feather", "write it as parquet, which pyarrow does"),
    b"ORC": ("ORC", "write it as parquet, which pyarrow does"),
    b"Obj\x01": ("Avro", "write it as JSON lines: avro-tools tojson FILE > events.jsonl"),
    b"\x04\x22\x4d\x18": ("packed by lz4", "lz4 -d FILE"),
    b"\xff\x06\0\0sNaPpY": ("packed by snappy", _UNPACK),
    b"\x1f\x9d": ("packed by compress", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("an archive of 7-Zip", "7z x FILE"),
    b"Rar!": ("an archive of RAR", _UNPACK),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "git lfs pull"),
    b"<?xml": ("XML", "make CSV or JSON lines of it"),
    b"<!doctype": ("a web page", "download the file itself: a login or an error page came in its place"),
    b"<html": ("a web page", "download the file itself: a login or an error page came in its place"),
}  # fmt: skip


def refuse(path: Path, data: bytes) -> None:
    """Say what a file of another program is.

    Raises
    ------
    FormatError
        with what to do
    """
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    for head, (what, do) in FOREIGN.items():
        if start.startswith(head) or (head[:1] == b"<" and start.lower().startswith(head)):
            raise FormatError(f"{path}: is {what}, which is not read: {do.replace('FILE', str(path))}")
