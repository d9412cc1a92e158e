"""numba's store of compiled kernels, made safe for several processes, for crashes and for kernels that call others.

numba writes the index before the code that it names, so that a crash between the two leaves old code under a new name;
two processes that compile give their code the same name, and one may load the other's for its own types; and only a
kernel's own file is watched. What is replaced here:

1. one process compiles a kernel, others wait and load what it wrote; who dies lets go
2. code has a name of its own, and is written before the index: a crash leaves the old state or the new one
3. what cannot be read is compiled again
4. a kernel is compiled again when a file that its file imports has changed (`stream.kernels.sources`)
5. what other kernels would be linked with is read when one of them is compiled, so never in a process that only serves:
   half of the time of loading, and 20 MB

The methods are numba's own, hence its exact version in pyproject.toml.
"""

import contextlib
import fcntl
import glob
import logging
import os
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from stream.kernels.sources import stamp

WAIT_S = 300.0  # for another process that compiles the same kernel; then it is compiled twice
CHECK_INTERVAL_S = 0.02
APART = "-imports"  # in the names of files: where `stream` was not imported numba keeps kernels by its own rules

log = logging.getLogger(__name__)

used: set[Path] = set()  # indexes that kernels of this process were loaded from or written to
watching: list[Callable[[str], None]] = []  # called with the name of each kernel that was compiled
_locks: dict[str, int] = {}  # open file of each folder's lock
_held: list[tuple[int, int]] = []  # locks of kernels that are being compiled, the outermost first


def adapt(caching: ModuleType) -> None:
    """Replace the methods in `numba.core.caching`."""
    file, locator = caching.IndexDataCacheFile, caching._SourceFileBackedLocatorMixin  # noqa: SLF001
    numbas_load, numbas_stamp, numbas_name = file.load, locator.get_source_stamp, locator.get_disambiguator

    def load(self: Any, key: Any) -> Any:
        found = _readable(numbas_load, self, key)
        if found is None and _claim(self):  # 1
            found = _readable(numbas_load, self, key)  # somebody else may have written it meanwhile
            if found is not None:
                _release(_held.pop())
        if found is not None:
            used.add(Path(self._index_path))
        return found

    def save(self: Any, key: Any, data: Any) -> None:
        try:
            _save(self, key, data)
        finally:
            lock = _lock(self)
            while lock in _held:
                _release(_held.pop())
        used.add(Path(self._index_path))
        for each in watching:
            each(self._index_name.partition("-")[0])

    def get_source_stamp(self: Any) -> Any:
        return stamp(Path(self._py_file)) if str(self._py_file).endswith(".py") else numbas_stamp(self)  # 4

    _let_go(sys.modules["numba.core.dispatcher"].Dispatcher)
    _read_links_late(sys.modules["numba.core.codegen"].JITCodeLibrary)
    file.load, file.save = load, save
    locator.get_source_stamp = get_source_stamp
    locator.get_disambiguator = lambda self: f"{numbas_name(self)}{APART}"


def _let_go(dispatcher: Any) -> None:
    """Adapt numba's `Dispatcher`: the lock of what is not saved, since it fails to compile, is let go all the same."""
    numbas_compile = dispatcher.compile

    def compile_one(self: Any, signature: Any) -> Any:
        outside = len(_held)
        try:
            return numbas_compile(self, signature)
        finally:
            while len(_held) > outside:
                _release(_held.pop())

    dispatcher.compile = compile_one


def _read_links_late(library: Any) -> None:
    """Adapt numba's `JITCodeLibrary`: 5."""
    numbas_read, numbas_links = library._unserialize.__func__, library._get_module_for_linking  # noqa: SLF001
    numbas_pointer = library.get_pointer_to_function

    def read(kind: Any, codegen: Any, state: Any) -> Any:
        _, how, data = state
        if how != "object":
            return numbas_read(kind, codegen, state)
        self = codegen.create_library(state[0])
        self.enable_object_caching()
        self._set_compiled_object(data[0])
        self._finalize_final_module()
        self.headwaters_unread = data
        return self

    def links(self: Any) -> Any:
        if (unread := self.__dict__.pop("headwaters_unread", None)) is not None:
            self._shared_module = sys.modules["llvmlite.binding"].parse_bitcode(unread[1])
            self._codegen._engine._load_defined_symbols(self._shared_module)  # noqa: SLF001
        return numbas_links(self)

    def get_pointer_to_function(self: Any, name: str) -> Any:
        unread = self.__dict__.get("headwaters_unread")
        if unread is None or name.encode() not in unread[0]:
            return numbas_pointer(self, name)
        return self._codegen._engine.get_function_address(name)  # noqa: SLF001

    library._unserialize, library._get_module_for_linking = classmethod(read), links  # noqa: SLF001
    library.get_pointer_to_function = get_pointer_to_function


def _readable(load: Callable[[Any, Any], Any], file: Any, key: Any) -> Any:
    try:
        return load(file, key)
    except Exception as error:  # of unpickling: anything
        log.warning("compiled kernels: %s cannot be read (%r): compiled again", file._index_path, error)  # noqa: SLF001
        return None  # 3


def _save(file: Any, key: Any, data: Any) -> None:
    dumped, stem = file._dump(data), file._index_name.removesuffix(".nbi")  # noqa: SLF001
    name = f"{stem}.{sha256(dumped).hexdigest()[:16]}.nbc"
    with file._open_for_write(file._data_path(name)) as output:  # noqa: SLF001
        output.write(dumped)
    try:
        overloads = file._load_index()  # noqa: SLF001
    except Exception:  # 3
        overloads = {}
    file._save_index({**overloads, key: name})  # noqa: SLF001  2
    kept = {name, *overloads.values()}
    for path in Path(file._cache_path).glob(f"{glob.escape(stem)}.*.nbc*"):  # noqa: SLF001
        if path.name not in kept:  # of older sources, or left by a crash
            with contextlib.suppress(OSError):
                path.unlink()


def _lock(file: Any) -> tuple[int, int] | None:
    """The folder's lock file, and the place in it that stands for the kernel; None in a folder that is not written."""
    folder: str = file._cache_path  # noqa: SLF001
    if folder not in _locks:
        try:
            _locks[folder] = os.open(Path(folder) / "compiling.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
    return _locks[folder], crc32(file._index_name.encode())  # noqa: SLF001


def _claim(file: Any) -> bool:
    """Wait for the kernel's lock; False if there is none to be had, and each process compiles for itself."""
    lock, deadline = _lock(file), time.monotonic() + WAIT_S
    while lock is not None and time.monotonic() < deadline:
        try:
            fcntl.lockf(lock[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lock[1])
        except (BlockingIOError, PermissionError):  # it is taken
            time.sleep(CHECK_INTERVAL_S)
        except OSError:  # a file system without locks
            return False
        else:
            _held.append(lock)
            return True
    return False


def _release(lock: tuple[int, int]) -> None:
    if lock not in _held:
        fcntl.lockf(lock[0], fcntl.LOCK_UN, 1, lock[1])
