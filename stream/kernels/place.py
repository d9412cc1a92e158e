"""The folder of compiled kernels, chosen when numba is first imported.

numba keeps kernels beside their source files or in a folder of the user, and refuses to start where it can write
neither: a read-only installation, run by somebody without a home. Here such an installation uses the kernels that came
with it, from a copy in the first folder that can be written, or else in their place.
"""

import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from hashlib import sha1
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from stream.kernels import cache
from stream.kernels.sources import PACKAGES

FOLDER, LOCATORS = "NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES"  # numba's own variables
IN_PLACE = "stream.kernels.in_place.InPlace"
NAME = "headwater-kernels"
CACHING = "numba.core.caching"
LAST = "numba.core.registry"  # when it is imported, all that is adapted has been
RECORD = "compiled.json"  # in the folder of `stream.kernels`: see `stream.compiling.record`
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  made for this user alone, and looked at before use

log = logging.getLogger(__name__)


class BeforeNumba(MetaPathFinder):
    """Notices that numba is about to be imported: its folder is chosen before, its store is adapted just after."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Choose the folder; `headwater --help`, which needs no kernel, says nothing of it."""
        if fullname == "numba":
            choose(os.environ, _packages())
        if fullname != LAST:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Adapted(spec.loader)
        return spec


class _Adapted(Loader):
    """Loads the last of numba's modules as it is, then adapts its store of kernels."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        cache.adapt(sys.modules[CACHING])


def install() -> None:
    """Adapt numba's store, now or as soon as numba is imported."""
    if LAST in sys.modules:
        cache.adapt(sys.modules[CACHING])
    else:
        sys.meta_path.insert(0, BeforeNumba())


def choose(environment: MutableMapping[str, str], packages: Sequence[Path]) -> None:
    """Set numba's variables where it would find no folder, or none with the kernels that came with the installation.

    Parameters
    ----------
    environment : child processes inherit it, and say nothing again
    packages : folders of the packages with kernels
    """
    given, folders = environment.get(FOLDER), [folder for package in packages for folder in _folders(package)]
    if (given and _usable(Path(given))) or all(_writable(folder / "__pycache__") for folder in folders):
        return
    where = packages[0].parent
    for place, lasting in _places(environment):
        if _usable(place, private=not lasting):
            _copy(folders, given, place)
            environment[FOLDER] = str(place)
            if not lasting:
                log.warning(
                    "compiled kernels: %s cannot be written: kept in %s; %s names another", where, place, FOLDER
                )
            return
    environment[LOCATORS] = IN_PLACE
    log.warning(
        "compiled kernels: neither %s nor a temporary folder can be written: what is not there already is compiled at "
        "every start; set %s to a folder that can", where, FOLDER,
    )  # fmt: skip


def _packages() -> list[Path]:
    found = [find_spec(name) for name in PACKAGES]
    return [Path(spec.submodule_search_locations[0]) for spec in found if spec and spec.submodule_search_locations]


def _folders(package: Path) -> list[Path]:
    """A package's folders with source files."""
    return sorted({path.parent for path in package.rglob("*.py")})


def _writable(folder: Path) -> bool:
    return os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK)


def _places(environment: MutableMapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """Where the kernels may go, best first, and whether that outlives the machine's next start."""
    if cache := environment.get("XDG_CACHE_HOME"):
        yield Path(cache) / NAME, True
    if home := environment.get("HOME"):
        yield Path(home) / ".cache" / NAME, True
    for temporary in dict.fromkeys((environment.get("TMPDIR") or TEMPORARY[0], *TEMPORARY)):
        yield Path(temporary) / f"{NAME}-{os.geteuid()}", False


def _usable(place: Path, *, private: bool = False) -> bool:
    """Whether files can be written there; `private`: and by nobody else, since what is in them is run."""
    try:
        place.mkdir(mode=0o700, parents=not private, exist_ok=True)
        found = place.lstat()
        if private and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077):
            return False
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


def kept_in(folder: Path, cache: str | None) -> Path:
    """Where numba keeps the kernels of a folder's source files: in the cache if there is one, or else beside them."""
    if not cache:
        return folder / "__pycache__"
    return Path(cache) / f"{folder.name}_{sha1(os.path.abspath(folder).encode()).hexdigest()}"  # noqa: S324, PTH100


def _copy(folders: Sequence[Path], given: str | None, place: Path) -> None:
    """Copy the kernels that came with the installation to where numba looks for them."""
    for folder in folders:
        origin, into = kept_in(folder, given), kept_in(folder, str(place))
        found = [sorted(origin.glob(pattern)) for pattern in ("*.nbc", "*.nbi", RECORD)]
        for path in chain(*found):  # a kernel before the index that names it, and both before what names all
            try:
                into.mkdir(exist_ok=True)
                if not (into / path.name).exists():
                    part = into / f"{path.name}.{os.getpid()}"
                    shutil.copyfile(path, part)
                    part.replace(into / path.name)
            except OSError as error:  # it will be compiled
                log.info("compiled kernels: %s was not copied: %s", path, error)
