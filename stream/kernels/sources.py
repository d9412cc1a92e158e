"""Of which source files a kernel is made: its own, and those of headwater that this imports, and so on."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the installed packages
PACKAGES = ("bandits", "learners", "stream")
_IMPORT = re.compile(r"^from +([\w.]+) +import +(\([^)]*\)|.*)|^import +([\w.]+)", re.MULTILINE)


def stamp(path: Path) -> bytes:
    """A digest of the file and of all that it imports: other code has another one, wherever and whenever it is written.

    numba knows a kernel by its own file, and would keep what it compiled of another that has changed since.
    """
    found, waiting = {path}, [path]
    while waiting:
        for each in _read(waiting.pop())[1]:
            if each not in found:
                found.add(each)
                waiting.append(each)
    return sha256(b"".join(sorted(_read(each)[0] for each in found))).digest()


@cache
def _read(path: Path) -> tuple[bytes, tuple[Path, ...]]:
    """The digest of one file's place and text, and the files that it imports."""
    text = path.read_bytes()
    place = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    names = []
    for module, wanted, plain in _IMPORT.findall(text.decode("utf-8", "replace")):
        names.append(module or plain)
        names += [f"{module}.{name}" for name in re.findall(r"\w+", wanted)]  # modules of a package, perhaps
    files = [file for name in names if name.partition(".")[0] in PACKAGES and (file := _file(name)) is not None]
    return sha256(place.encode() + b"\0" + text).digest(), tuple(files)


@cache
def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
