"""Kernels read beside their source files and never written, for where nothing can be written."""

import os
from pathlib import Path
from typing import Any

from numba.core import caching

from stream.kernels.place import FOLDER, kept_in


class InPlace(caching.InTreeCacheLocator):
    """numba's place beside the source file, or in the folder that NUMBA_CACHE_DIR names: it need not be writable."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[no-untyped-call]
        self._cache_path = str(kept_in(Path(py_file).parent, os.environ.get(FOLDER)))

    def ensure_cache_path(self) -> None:
        """Nothing. Overridden: numba tries to write a file there."""


def _keep_nothing(*_: Any) -> None:
    """Overridden: numba would raise at the first kernel that is compiled."""


caching.IndexDataCacheFile.save = _keep_nothing  # type: ignore[method-assign]  # there is no setting for it
