"""Kernels read beside their source files and never written, for where nothing can be written."""

from typing import Any

from numba.core import caching


class InPlace(caching.InTreeCacheLocator):
    """numba's place beside the source file, which need not be writable."""

    def ensure_cache_path(self) -> None:
        """Nothing. Overridden: numba tries to write a file there."""


def _keep_nothing(*_: Any) -> None:
    """Overridden: numba would raise at the first kernel that is compiled."""


caching.IndexDataCacheFile.save = _keep_nothing  # type: ignore[method-assign]  # there is no setting for it
